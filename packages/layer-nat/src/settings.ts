import { ConfigurationError, parseAddress, type TokenBucketOptions } from '@millrace/core'
import { type BehaviourTable, readBehaviours } from './behaviour.ts'
import { distinct, duration, hostAddress, oneOf, positive, whole } from './checks.ts'
import type { EgressSettings } from './egress.ts'
import type { LineLogOptions } from './line-log.ts'
import type { NatOptions } from './options.ts'
import type { BlockSize } from './port-blocks.ts'
import type { PortRange } from './ports.ts'
import { readBlocks, readPorts } from './read-ports.ts'
import { readForwards, readStaticAddresses } from './read-statics.ts'
import type { NatTimeouts } from './session-classes.ts'
import type { StaticAddress, StaticEndpoint } from './statics.ts'

/** Options checked and complete. */
export interface NatSettings {
  readonly addresses: readonly number[]
  readonly egress: Omit<EgressSettings, 'secret'> & { readonly secret: string | undefined }
  readonly gatewayAddress: Uint8Array
  readonly behaviours: BehaviourTable
  readonly endpoints: readonly StaticEndpoint[]
  readonly staticAddresses: readonly StaticAddress[]
  readonly hairpin: boolean
  readonly otherProtocols: boolean
  readonly passesIpv6: boolean
  /** Whether packets of the inside come with identifications. */
  readonly hasIds: boolean
  readonly ports: PortRange
  readonly portBlocks: BlockSize | undefined
  readonly portBlockLog: LineLogOptions | undefined
  readonly sessions: number
  readonly sessionsPerPeer: number
  readonly portsPerPeer: number
  readonly newSessionsPerPeer: TokenBucketOptions | undefined
  readonly timeouts: NatTimeouts
  readonly holdDown: number
  readonly answerSyn: boolean
  readonly resetTcp: boolean
  readonly fragmentedDatagrams: number
  readonly mtu: number
  readonly decrementTtl: boolean
  readonly flowLog: LineLogOptions | undefined
}

const MINUTE = 60_000
const DEFAULT_TIMEOUTS: NatTimeouts = {
  udp: 5 * MINUTE,
  icmp: MINUTE,
  tcpEstablished: 124 * MINUTE,
  tcpOpening: 4 * MINUTE,
  tcpClosing: 4 * MINUTE,
  tcpReset: 4 * MINUTE,
  other: 5 * MINUTE,
}
/** 2 GiB of table is more than one core can fill. */
const MAXIMUM_SESSIONS = 2 ** 23
/** Each takes some 1.3 MB of port sets. */
const MAXIMUM_ADDRESSES = 256

/** Checks options and fills in defaults. Throws a ConfigurationError that names the option. */
export function readOptions(options: NatOptions): NatSettings {
  const { sessions = 65_536, holdDown = 120_000, mtu = 1420, fragmentedDatagrams = 256 } = options
  const { sessionsPerPeer = Math.ceil(sessions / 4), newSessionsPerPeer } = options
  const egress = readEgress(options)
  const ports = readPorts(options)
  const gateway = options.gatewayAddress ?? (egress.names[0] as string)
  hostAddress(gateway, 'nat gatewayAddress')
  whole('sessions', sessions, 1, MAXIMUM_SESSIONS)
  whole('sessionsPerPeer', sessionsPerPeer, 1, MAXIMUM_SESSIONS)
  const usable = (ports.last - ports.first + 1) * egress.addresses.length
  const portsPerPeer = options.portsPerPeer ?? Math.max(1024, Math.ceil(usable / 4))
  whole('portsPerPeer', portsPerPeer, 1, MAXIMUM_SESSIONS)
  if (newSessionsPerPeer !== undefined) bucket('newSessionsPerPeer', newSessionsPerPeer)
  whole('mtu', mtu, 576, 65_535)
  whole('fragmentedDatagrams', fragmentedDatagrams, 0, 65_536)
  duration('holdDown', holdDown, 0)
  const unsolicitedSyn = oneOf('unsolicitedSyn', options.unsolicitedSyn ?? 'silent', ['silent', 'port-unreachable'])
  const { names, ...pool } = egress
  const endpoints = readForwards(options.forwards ?? [], names)
  return {
    addresses: pool.addresses,
    egress: pool,
    gatewayAddress: parseAddress(gateway).bytes,
    behaviours: readBehaviours(options.mapping, options.filtering),
    endpoints,
    staticAddresses: readStaticAddresses(options.staticAddresses ?? [], names),
    hairpin: options.hairpin ?? true,
    otherProtocols: options.otherProtocols ?? false,
    passesIpv6: oneOf('ipv6', options.ipv6 ?? 'refuse', ['refuse', 'pass']) === 'pass',
    hasIds: true,
    ports,
    portBlocks: readBlocks(options, ports, pool.addresses, endpoints),
    portBlockLog: readLog('portBlockLogRate', options.portBlockLog, options.portBlockLogRate),
    sessions,
    sessionsPerPeer,
    portsPerPeer,
    newSessionsPerPeer,
    timeouts: readTimeouts(options),
    holdDown,
    answerSyn: unsolicitedSyn === 'port-unreachable',
    resetTcp: oneOf('unknownTcp', options.unknownTcp ?? 'reset', ['drop', 'reset']) === 'reset',
    fragmentedDatagrams,
    mtu,
    decrementTtl: options.decrementTtl ?? true,
    flowLog: readLog('flowLogRate', options.flowLog, options.flowLogRate),
  }
}

function readEgress(options: NatOptions): NatSettings['egress'] & { readonly names: readonly string[] } {
  const names = typeof options.address === 'string' ? [options.address] : options.address
  whole('address', names.length, 1, MAXIMUM_ADDRESSES)
  distinct('address', names)
  const addresses = names.map((name) => hostAddress(name, 'nat address'))
  const pins = new Map<string, number>()
  for (const [name, address] of Object.entries(options.pins ?? {})) {
    const which = names.indexOf(address)
    if (which < 0) {
      throw new ConfigurationError(`nat pins: expected an address of the pool for "${name}", got "${address}"`)
    }
    pins.set(name, which)
  }
  return {
    names,
    addresses,
    pick: oneOf('pick', options.pick ?? 'paired', ['paired', 'pinned', 'per-flow']),
    overflow: oneOf('overflow', options.overflow ?? 'refuse', ['refuse', 'next']),
    pins,
    secret: options.secret,
  }
}

function readLog(
  rateName: string,
  write: ((line: string) => void) | undefined,
  rate: TokenBucketOptions = { perSecond: 1000, burst: 1000 },
): LineLogOptions | undefined {
  bucket(rateName, rate)
  return write && { write, rate }
}

function bucket(name: string, { perSecond, burst }: TokenBucketOptions): void {
  positive(`${name}.perSecond`, perSecond)
  whole(`${name}.burst`, burst, 1, MAXIMUM_SESSIONS)
}

function readTimeouts({ timeouts: { tcpTransitory, ...given } = {} }: NatOptions): NatTimeouts {
  if (tcpTransitory !== undefined) duration('timeouts.tcpTransitory', tcpTransitory, 1)
  const all = tcpTransitory ?? 4 * MINUTE
  const timeouts = { ...DEFAULT_TIMEOUTS, tcpOpening: all, tcpClosing: all, tcpReset: all, ...given }
  for (const [name, value] of Object.entries(timeouts)) duration(`timeouts.${name}`, value, 1)
  return timeouts
}
