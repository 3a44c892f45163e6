import { ConfigurationError } from '@millrace/core'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { RecordAddresses } from './record-addresses.ts'
import { RECORD_VERSION } from './session-records.ts'
import type { NatTcpProgress } from './session-timers.ts'
import type { NatTraffic } from './session-view.ts'
import { isTcpState } from './tcp-state.ts'
import type { NatTcpSide } from './tcp-windows.ts'

// Records may come from anywhere, so nothing of them is believed. What is not as it should be is undefined.

/** An end, the address as an unsigned number: an IPv4 one, or one that stands for an IPv6 one. */
interface End {
  readonly address: number
  readonly port: number
}

export interface SessionFields {
  /** Of the peer. */
  readonly name: string | undefined
  readonly protocol: number
  readonly inside: End
  readonly outside: End
  readonly remote: End
  readonly remaining: number
  readonly age: number
  readonly up: NatTraffic
  readonly down: NatTraffic
  readonly tcp: NatTcpProgress | undefined
}

export interface BlockFields {
  readonly name: string | undefined
  /** Where there is no name. */
  readonly inside: number
  readonly address: number
  readonly first: number
  readonly last: number
}

const LONGEST_NAME = 255

/**
 * When the records were made, Unix time in milliseconds. Throws in the name of `layer` unless this is the header of a
 * version that we know.
 */
export function readHeader(value: unknown, layer: string): number {
  const { kind, version, time } = fieldsOf(value)
  const expected = `${layer} importSessions: expected`
  if (kind !== 'header') throw new ConfigurationError(`${expected} a header as the first record`)
  if (version !== RECORD_VERSION) {
    throw new ConfigurationError(`${expected} records of version ${RECORD_VERSION}, got ${JSON.stringify(version)}`)
  }
  const made = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(made)) throw new ConfigurationError(`${expected} a header with the time of the export`)
  return made
}

export function readSession(value: unknown, addresses: RecordAddresses): SessionFields | undefined {
  const { kind, peer, protocol, inside, outside, remote, remaining, age, up, down, tcp } = fieldsOf(value)
  if (kind !== 'session' || !isName(peer) || !isWhole(protocol, 255)) return undefined
  const ends = [
    readEnd(inside, addresses.inside),
    readEnd(outside, addresses.outside),
    readEnd(remote, addresses.outside),
  ]
  const [first, second, third] = ends
  if (first === undefined || second === undefined || third === undefined) return undefined
  if (protocol === ICMP && third.port !== 0) return undefined
  if (protocol !== ICMP && protocol !== TCP && protocol !== UDP && ends.some((end) => end?.port !== 0)) return undefined
  const traffic = [readTraffic(up), readTraffic(down)]
  if (traffic[0] === undefined || traffic[1] === undefined || !isTime(remaining) || !isTime(age)) return undefined
  const progress = protocol === TCP ? readProgress(tcp) : undefined
  if (protocol === TCP ? progress === undefined : tcp !== undefined) return undefined
  return {
    name: peer,
    protocol,
    inside: first,
    outside: second,
    remote: third,
    remaining,
    age,
    up: traffic[0],
    down: traffic[1],
    tcp: progress,
  }
}

export function readBlock(value: unknown, addresses: RecordAddresses): BlockFields | undefined {
  const { kind, peer, inside, address, first, last } = fieldsOf(value)
  const [owner, outside] = [readAddress(inside, addresses.inside), readAddress(address, addresses.outside)]
  if (kind !== 'block' || !isName(peer) || outside < 0 || (peer === undefined && owner < 0)) return undefined
  if (!isWhole(first, 65_535) || !isWhole(last, 65_535)) return undefined
  return { name: peer, inside: owner, address: outside, first, last }
}

function readProgress(value: unknown): NatTcpProgress | undefined {
  const { state, inside, outside } = fieldsOf(value)
  const sides = [readSide(inside), readSide(outside)]
  if (!isWhole(state, 255) || !isTcpState(state) || sides[0] === undefined || sides[1] === undefined) return undefined
  return { state, inside: sides[0], outside: sides[1] }
}

function readSide(value: unknown): NatTcpSide | undefined {
  const { next, right, afterSyn, scale } = fieldsOf(value)
  if (!isWhole(afterSyn, 0xffff_ffff) || (scale !== null && !isWhole(scale, 14))) return undefined
  if (next === null && right === null) return { next, right, afterSyn, scale }
  if (!isWhole(next, 0xffff_ffff) || !isWhole(right, 0xffff_ffff)) return undefined
  return ((right - next) | 0) < 0 ? undefined : { next, right, afterSyn, scale }
}

function readEnd(value: unknown, numberOf: (text: string) => number): End | undefined {
  const fields = fieldsOf(value)
  const address = readAddress(fields['address'], numberOf)
  const port = fields['port']
  return address < 0 || !isWhole(port, 65_535) ? undefined : { address, port }
}

function readTraffic(value: unknown): NatTraffic | undefined {
  const { packets, bytes } = fieldsOf(value)
  const most = Number.MAX_SAFE_INTEGER
  return isWhole(packets, most) && isWhole(bytes, most) ? { packets, bytes } : undefined
}

/** -1 if it is no address. */
function readAddress(value: unknown, numberOf: (text: string) => number): number {
  return typeof value === 'string' ? numberOf(value) : -1
}

function isName(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length > 0 && value.length <= LONGEST_NAME)
}

function isWhole(value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most
}

/** Milliseconds, fractional. */
function isTime(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
