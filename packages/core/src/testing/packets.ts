import assert from 'node:assert/strict'
import { parseAddress } from '../ip/address.ts'
import { parseIp } from '../ip/parse-ip.ts'
import { asIpPacket } from '../packet/kind.ts'
import type { Direction, IpPacket, Peer } from '../packet/packet.ts'
import type { PacketPool } from '../packet/pool.ts'

// Made to be read, not to be fast: every checksum here is computed in full, word by word, and shares no code with the
// packet path, so that the one can be tested against the other.

/** What an IP packet carries: {@link udpSegment}, {@link tcpSegment}, {@link icmpEcho}, {@link icmpError}, {@link payload}. */
export interface Transport {
  /** IANA protocol number; ICMP has one for each family. */
  protocol(family: 4 | 6): number
  /** The bytes with their checksum. `pseudo` sums up what the checksum covers besides: RFC 9293 §3.1, RFC 8200 §8.1. */
  bytes(family: 4 | 6, pseudo: (length: number) => Uint8Array): Uint8Array
}

export interface Ipv4Fields {
  readonly source: string
  readonly destination: string
  /** Default 64. */
  readonly ttl?: number
  readonly id?: number
  readonly tos?: number
  readonly dontFragment?: boolean
  readonly moreFragments?: boolean
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number
  /** A multiple of 4 bytes. */
  readonly options?: Uint8Array
}

export interface Ipv6Fields {
  readonly source: string
  readonly destination: string
  /** Default 64. */
  readonly hopLimit?: number
}

/**
 * An IPv4 packet with right checksums, as bytes:
 *
 *     ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'hello'))
 */
export function ipv4(fields: Ipv4Fields, transport: Transport): Uint8Array {
  const { ttl = 64, id = 0, tos = 0, fragmentOffset = 0, options = new Uint8Array() } = fields
  const source = addressBytes(fields.source, 4)
  const destination = addressBytes(fields.destination, 4)
  const protocol = transport.protocol(4)
  const body = transport.bytes(4, (length) => concat(source, destination, [0, protocol], word16(length)))
  const headerLength = 20 + options.length
  const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0) | (fragmentOffset / 8)
  const header = concat(
    [0x40 | (headerLength / 4), tos],
    word16(headerLength + body.length),
    word16(id),
    word16(flags),
    [ttl, protocol, 0, 0],
    source,
    destination,
    options,
  )
  header.set(word16(slowChecksum(header)), 10)
  return concat(header, body)
}

/** An IPv6 packet without extension headers, as bytes, with the right transport checksum. */
export function ipv6(fields: Ipv6Fields, transport: Transport): Uint8Array {
  const source = addressBytes(fields.source, 6)
  const destination = addressBytes(fields.destination, 6)
  const protocol = transport.protocol(6)
  const body = transport.bytes(6, (length) => concat(source, destination, [0, 0], word16(length), [0, 0, 0, protocol]))
  const first = concat([0x60, 0, 0, 0], word16(body.length), [protocol, fields.hopLimit ?? 64])
  return concat(first, source, destination, body)
}

export interface UdpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  /** False: the checksum field is 0, "none computed". */
  readonly checksum?: boolean
}

export function udpSegment(fields: UdpFields, data: string | Uint8Array = ''): Transport {
  const bytes = toBytes(data)
  const length = word16(8 + bytes.length)
  const segment = concat(word16(fields.sourcePort), word16(fields.destinationPort), length, [0, 0], bytes)
  return {
    protocol: () => 17,
    bytes: (_family, pseudo) => {
      if (fields.checksum === false) return segment
      return withChecksum(segment, 6, slowChecksum(pseudo(segment.length), withChecksum(segment, 6, 0)) || 0xffff)
    },
  }
}

export interface TcpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  /** Any of FIN SYN RST PSH ACK URG, in any order: `'SYN ACK'`. Default `'ACK'`. */
  readonly flags?: string
  readonly sequence?: number
  readonly acknowledgment?: number
  readonly window?: number
  /** Adds a maximum segment size option. */
  readonly mss?: number
  /** Raw options before the MSS one; padded with zeroes to a multiple of 4 bytes. */
  readonly options?: Uint8Array
}

export const TCP_FLAGS: readonly string[] = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG']

export function tcpSegment(fields: TcpFields, data: string | Uint8Array = ''): Transport {
  const { flags = 'ACK', sequence = 1, acknowledgment = 0, window = 65_535 } = fields
  const mss = fields.mss === undefined ? [] : [2, 4, ...word16(fields.mss)]
  const unpadded = concat(fields.options ?? [], mss)
  const options = concat(unpadded, new Uint8Array((4 - (unpadded.length % 4)) % 4))
  let bits = 0
  for (const flag of flags.split(' ')) {
    assert(TCP_FLAGS.includes(flag), `no such TCP flag: ${flag}`)
    bits |= 1 << TCP_FLAGS.indexOf(flag)
  }
  const segment = concat(
    word16(fields.sourcePort),
    word16(fields.destinationPort),
    word32(sequence),
    word32(acknowledgment),
    [((20 + options.length) / 4) << 4, bits],
    word16(window),
    [0, 0, 0, 0],
    options,
    toBytes(data),
  )
  return {
    protocol: () => 6,
    bytes: (_family, pseudo) => withChecksum(segment, 16, slowChecksum(pseudo(segment.length), segment)),
  }
}

export interface EchoFields {
  readonly type: 'request' | 'reply'
  readonly identifier: number
  readonly sequence?: number
}

/** ICMP or ICMPv6 echo, as the packet's family has it. */
export function icmpEcho({ type, identifier, sequence = 1 }: EchoFields, data: string | Uint8Array = ''): Transport {
  const body = concat(word16(identifier), word16(sequence), toBytes(data))
  return icmp((family) => (family === 4 ? (type === 'request' ? 8 : 0) : type === 'request' ? 128 : 129), 0, body)
}

export interface IcmpErrorFields {
  /** As numbers of the packet's family: 3/4 is "fragmentation needed" in IPv4, 2/0 "packet too big" in IPv6. */
  readonly type: number
  readonly code: number
  /** The four bytes behind the checksum: an MTU, a pointer. Default 0. */
  readonly rest?: number
}

/** An ICMP error about `offending`, which is quoted as it is given. */
export function icmpError({ type, code, rest = 0 }: IcmpErrorFields, offending: Uint8Array): Transport {
  return icmp(() => type, code, concat(word32(rest), offending))
}

/** Bytes of any other protocol, without a checksum. */
export function payload(protocol: number, data: string | Uint8Array = ''): Transport {
  return { protocol: () => protocol, bytes: () => toBytes(data) }
}

/** What a packet may be given besides its bytes. */
export interface PacketFacts {
  readonly direction?: Direction
  readonly arrival?: number
  readonly peer?: Peer
}

/** Puts an IP packet into memory from the pool, parsed, as an endpoint does. Release it when done. */
export function pooledPacket(pool: PacketPool, bytes: Uint8Array, facts: PacketFacts = {}): IpPacket {
  const packet = pool.acquire(bytes.length)
  assert(packet, 'the pool is large enough for the test')
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  packet.direction = facts.direction ?? 'up'
  packet.arrival = facts.arrival ?? 0
  packet.peer = facts.peer
  const reason = parseIp(packet)
  assert.equal(reason, undefined, 'the packet parses')
  return asIpPacket(packet)
}

/** The internet checksum (RFC 1071) of the parts, as if they were one: the complement of the sum of all 16-bit words. */
export function slowChecksum(...parts: readonly Uint8Array[]): number {
  const bytes = concat(...parts)
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) {
    sum += (bytes[i] as number) * 256 + (bytes[i + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return 0xffff - sum
}

function icmp(type: (family: 4 | 6) => number, code: number, body: Uint8Array): Transport {
  return {
    protocol: (family) => (family === 4 ? 1 : 58),
    bytes: (family, pseudo) => {
      const message = concat([type(family), code, 0, 0], body)
      const covered = family === 4 ? [message] : [pseudo(message.length), message]
      return withChecksum(message, 2, slowChecksum(...covered))
    },
  }
}

function withChecksum(bytes: Uint8Array, at: number, checksum: number): Uint8Array {
  const copy = bytes.slice()
  copy.set(word16(checksum), at)
  return copy
}

function addressBytes(text: string, family: 4 | 6): Uint8Array {
  const address = parseAddress(text)
  assert.equal(address.family, family, `${text} is an IPv${family} address`)
  return address.bytes
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? new TextEncoder().encode(data) : data
}

function word16(value: number): [number, number] {
  return [(value >> 8) & 0xff, value & 0xff]
}

function word32(value: number): [number, number, number, number] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}

function concat(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
