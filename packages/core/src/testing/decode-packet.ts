import assert from 'node:assert/strict'
import { formatAddress } from '../ip/address.ts'
import { slowChecksum, TCP_FLAGS } from './packets.ts'

/** An IP packet taken apart for a test to look at. Fields that its protocol does not have are undefined. */
export interface DecodedPacket {
  readonly version: 4 | 6
  readonly source: string
  readonly destination: string
  readonly ttl: number
  readonly protocol: number
  /** IPv4 identification. */
  readonly id?: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  /** As {@link tcpSegment} takes them: `'SYN ACK'`. */
  readonly flags?: string
  /** The first MSS option. */
  readonly mss?: number
  readonly type?: number
  readonly code?: number
  /** Of an ICMP echo. */
  readonly identifier?: number
  /** The four bytes behind the checksum of an ICMP error. */
  readonly rest?: number
  /** The packet that an ICMP error is about, as far as it is quoted. */
  readonly quoted?: Uint8Array
  /** What the transport carries; of an unknown protocol or a fragment everything behind the IP header. */
  readonly payload: Uint8Array
}

/**
 * Takes a packet apart and checks its lengths and every checksum by computing it anew; throws an AssertionError that
 * says what is wrong. IPv6 extension headers are not looked into.
 */
export function decodePacket(bytes: Uint8Array): DecodedPacket {
  const quoted = decodeHeaders(bytes)
  assert.equal(bytes.length, quoted.totalLength, 'total length')
  if (!quoted.fragment) checkTransport(bytes, quoted)
  return quoted.decoded
}

/** As {@link decodePacket} for a packet quoted in an ICMP error: it may be cut short, and only the IP header is checked. */
export function decodeQuoted(bytes: Uint8Array): DecodedPacket {
  return decodeHeaders(bytes).decoded
}

/** One line for tables in tests: `TCP 10.0.0.2:1234 > 198.51.100.7:80 SYN`, `ICMP 10.0.0.2 > 198.51.100.7 echo request 7`. */
export function summarize(packet: DecodedPacket): string {
  const { sourcePort, destinationPort, flags, type, code, identifier } = packet
  const host = (address: string): string => (packet.version === 6 ? `[${address}]` : address)
  const from = sourcePort === undefined ? packet.source : `${host(packet.source)}:${sourcePort}`
  const to = destinationPort === undefined ? packet.destination : `${host(packet.destination)}:${destinationPort}`
  const names: Readonly<Record<number, string>> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' }
  const detail =
    identifier !== undefined
      ? ` echo ${type === 8 || type === 128 ? 'request' : 'reply'} ${identifier}`
      : type !== undefined
        ? ` ${type}/${code}`
        : ''
  return `${names[packet.protocol] ?? packet.protocol} ${from} > ${to}${flags === undefined ? '' : ` ${flags}`}${detail}`
}

interface Headers {
  readonly decoded: DecodedPacket
  readonly totalLength: number
  readonly headerLength: number
  readonly fragment: boolean
}

function decodeHeaders(bytes: Uint8Array): Headers {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const version = view.getUint8(0) >> 4
  assert(version === 4 || version === 6, `IP version ${version}`)
  const headerLength = version === 4 ? (view.getUint8(0) & 15) * 4 : 40
  const fragment = version === 4 && (view.getUint16(6) & 0x3fff) !== 0
  if (version === 4) assert.equal(slowChecksum(bytes.subarray(0, headerLength)), 0, 'IPv4 header checksum')
  const protocol = view.getUint8(version === 4 ? 9 : 6)
  const common = {
    version: version as 4 | 6,
    source: formatAddress(bytes, version === 4 ? 12 : 8, version as 4 | 6),
    destination: formatAddress(bytes, version === 4 ? 16 : 24, version as 4 | 6),
    ttl: view.getUint8(version === 4 ? 8 : 7),
    protocol,
    ...(version === 4 && { id: view.getUint16(4) }),
  }
  const body = bytes.subarray(headerLength)
  return {
    decoded: { ...common, ...(fragment ? { payload: body } : decodeTransport(protocol, body)) },
    totalLength: version === 4 ? view.getUint16(2) : view.getUint16(4) + 40,
    headerLength,
    fragment,
  }
}

function decodeTransport(protocol: number, body: Uint8Array): Partial<DecodedPacket> & { payload: Uint8Array } {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  if (body.length < 8) return { payload: body }
  const ports = { sourcePort: view.getUint16(0), destinationPort: view.getUint16(2) }
  if (protocol === 17) return { ...ports, payload: body.subarray(8) }
  if (protocol === 6) {
    if (body.length < 20) return { ...ports, payload: body.subarray(8) }
    const dataOffset = (view.getUint8(12) >> 4) * 4
    const mss = findMss(body.subarray(20, dataOffset))
    const flags = TCP_FLAGS.filter((_, bit) => view.getUint8(13) & (1 << bit)).join(' ')
    return { ...ports, flags, ...(mss !== undefined && { mss }), payload: body.subarray(dataOffset) }
  }
  if (protocol !== 1 && protocol !== 58) return { payload: body }
  const [type, code] = [view.getUint8(0), view.getUint8(1)]
  const echo = protocol === 1 ? type === 8 || type === 0 : type === 128 || type === 129
  if (echo) return { type, code, identifier: view.getUint16(4), payload: body.subarray(8) }
  return { type, code, rest: view.getUint32(4), quoted: body.subarray(8), payload: body.subarray(8) }
}

function findMss(options: Uint8Array): number | undefined {
  for (let at = 0; at < options.length && options[at] !== 0; ) {
    if (options[at] === 1) at++
    else if (options[at] === 2) return (options[at + 2] as number) * 256 + (options[at + 3] as number)
    else at += Math.max(options[at + 1] ?? 0, 2)
  }
  return undefined
}

function checkTransport(bytes: Uint8Array, { decoded, headerLength }: Headers): void {
  const body = bytes.subarray(headerLength)
  const { version, protocol } = decoded
  const addresses = version === 4 ? bytes.subarray(12, 20) : bytes.subarray(8, 40)
  const length = [body.length >> 8, body.length & 0xff]
  const pseudo = Uint8Array.from([...addresses, 0, protocol, ...length])
  const noUdpChecksum = protocol === 17 && version === 4 && body[6] === 0 && body[7] === 0
  if (protocol === 1) assert.equal(slowChecksum(body), 0, 'ICMP checksum')
  if (protocol === 58) assert.equal(slowChecksum(pseudo, body), 0, 'ICMPv6 checksum')
  if (protocol === 6) assert.equal(slowChecksum(pseudo, body), 0, 'TCP checksum')
  if (protocol === 17) {
    if (!noUdpChecksum) assert.equal(slowChecksum(pseudo, body), 0, 'UDP checksum')
    assert.equal(body.length, (body[4] as number) * 256 + (body[5] as number), 'UDP length')
  }
}
