import { type IpPacket, MAXIMUM_PACKET, type PacketPool } from '@millrace/core'
import { ipv4, ipv6, pooledPacket, slowChecksum, type Transport, tcpSegment, udpSegment } from '@millrace/core/testing'

const TCP_OPTIONS: Uint8Array = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9)

/** For comparisons: that of large arrays, byte by byte, takes the test runner a second. */
export function hex(...parts: readonly Uint8Array[]): string {
  return Buffer.concat(parts).toString('hex')
}

/** Bytes that a slip by one would change. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
}

export function tcp(data: Uint8Array, flags = 'ACK'): Transport {
  return tcpSegment(
    { sourcePort: 40_000, destinationPort: 443, sequence: 0xffff_fff0, options: TCP_OPTIONS, flags },
    data,
  )
}

export function udp(data: Uint8Array): Transport {
  return udpSegment({ sourcePort: 40_000, destinationPort: 53 }, data)
}

/** 10.9.0.1 or fd09::1 to 10.9.0.2 or fd09::2. */
export function ip(version: 4 | 6, transport: Transport): Uint8Array {
  if (version === 4) return ipv4({ source: '10.9.0.1', destination: '10.9.0.2', id: 77 }, transport)
  return ipv6({ source: 'fd09::1', destination: 'fd09::2' }, transport)
}

/** Bytes before the payload of what `ip` and `tcp` or `udp` make. */
export function headersOf(version: 4 | 6, protocol: 'tcp' | 'udp'): number {
  return (version === 4 ? 20 : 40) + (protocol === 'tcp' ? 32 : 8)
}

/** Where the transport's checksum is in it. */
function checksumAt(version: 4 | 6, protocol: 'tcp' | 'udp'): number {
  return (version === 4 ? 20 : 40) + (protocol === 'tcp' ? 16 : 6)
}

/** The sum of the pseudo-header, RFC 9293 §3.1 and RFC 8200 §8.1, folded. */
export function pseudoSum(bytes: Uint8Array, version: 4 | 6, protocol: 'tcp' | 'udp'): number {
  const start = version === 4 ? 20 : 40
  const addresses = version === 4 ? bytes.slice(12, 20) : bytes.slice(8, 40)
  const length = bytes.length - start
  return 0xffff - slowChecksum(addresses, Uint8Array.of(length >> 8, length & 0xff, 0, protocol === 'tcp' ? 6 : 17))
}

/** As the kernel hands out a packet whose checksum is left to others: the field holds the sum of the pseudo-header. */
export function unsummed(bytes: Uint8Array, version: 4 | 6, protocol: 'tcp' | 'udp'): Uint8Array {
  const copy = bytes.slice()
  new DataView(copy.buffer).setUint16(checksumAt(version, protocol), pseudoSum(bytes, version, protocol))
  return copy
}

export interface HeaderFields {
  readonly flags?: number
  readonly gsoType?: number
  readonly headerLength?: number
  readonly gsoSize?: number
  readonly checksumStart?: number
  readonly checksumOffset?: number
}

/** struct virtio_net_hdr. */
export function virtioHeader(fields: HeaderFields = {}): Uint8Array {
  const { flags = 0, gsoType = 0, headerLength = 0, gsoSize = 0, checksumStart = 0, checksumOffset = 0 } = fields
  const words = [headerLength, gsoSize, checksumStart, checksumOffset]
  return Uint8Array.of(flags, gsoType, ...words.flatMap((word) => [word & 0xff, word >> 8]))
}

/** What the kernel says of a packet of `ip` with `tcp` or `udp` in it whose checksum is left to others. */
export function offloadHeader(version: 4 | 6, protocol: 'tcp' | 'udp', gsoSize = 0): Uint8Array {
  const checksumStart = version === 4 ? 20 : 40
  const gsoType = gsoSize === 0 ? 0 : protocol === 'udp' ? 5 : version === 4 ? 1 : 4
  const checksumOffset = protocol === 'tcp' ? 16 : 6
  return virtioHeader({ flags: 1, gsoType, headerLength: 99, gsoSize, checksumStart, checksumOffset })
}

/** A super-packet of the pool, marked as such, the checksum field left as rubbish. */
export function superPacket(
  pool: PacketPool,
  version: 4 | 6,
  protocol: 'tcp' | 'udp',
  size: number,
  payload: Uint8Array,
): IpPacket {
  const bytes = ip(version, protocol === 'tcp' ? tcp(payload) : udp(payload))
  if (bytes.length > MAXIMUM_PACKET) throw new Error('too large for an IP packet')
  new DataView(bytes.buffer).setUint16(checksumAt(version, protocol), 0xdead)
  const packet = pooledPacket(pool, bytes)
  packet.segmentSize = size
  packet.segmentHeader = headersOf(version, protocol)
  return packet
}
