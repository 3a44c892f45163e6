import { asIpPacket } from '../packet/kind.ts'
import type { IpPacket, Packet } from '../packet/packet.ts'
import { checksum, pseudoHeaderSum6 } from './checksum.ts'
import { parseIp } from './parse-ip.ts'
import { ICMP, ICMPV6 } from './protocols.ts'

/** What went wrong, by the names of RFC 792, RFC 1812 and RFC 4443. */
export type IcmpErrorKind =
  | 'time-exceeded'
  | 'network-unreachable'
  | 'host-unreachable'
  | 'port-unreachable'
  | 'packet-too-big'
  | 'admin-prohibited'

interface TypeAndCode {
  readonly type: number
  readonly code: number
}

const types4: Readonly<Record<IcmpErrorKind, TypeAndCode>> = {
  'time-exceeded': { type: 11, code: 0 },
  'network-unreachable': { type: 3, code: 0 },
  'host-unreachable': { type: 3, code: 1 },
  'port-unreachable': { type: 3, code: 3 },
  'packet-too-big': { type: 3, code: 4 },
  'admin-prohibited': { type: 3, code: 13 },
}

const types6: Readonly<Record<IcmpErrorKind, TypeAndCode>> = {
  'time-exceeded': { type: 3, code: 0 },
  'network-unreachable': { type: 1, code: 0 },
  'host-unreachable': { type: 1, code: 3 },
  'port-unreachable': { type: 1, code: 4 },
  'packet-too-big': { type: 2, code: 0 },
  'admin-prohibited': { type: 1, code: 1 },
}

/** Bytes that an answer may need: acquire a packet of this size for {@link writeIcmpError}. */
export const ICMP_ERROR_MAXIMUM = 1280
/** RFC 1812 §4.3.2.3: as much of the packet as fits without the error exceeding 576 bytes. */
const ICMP4_ERROR_MAXIMUM = 576
const INTERNETWORK_CONTROL = 0xc0
const HOP_LIMIT = 64

/**
 * Whether a packet may be answered with an ICMP error at all (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4 e):
 * never an ICMP error or a message that may be one, nor a fragment other than the first, nor what came from or went to
 * other than a single host. A packet cut short before its transport header could be any of these, so it is not either.
 * The permission of RFC 4443 to answer a too big multicast packet is not used: a gateway forwards none.
 */
export function mayAnswerWithIcmpError(packet: IpPacket): boolean {
  if (packet.transport === 0) return false
  const { memory, offset, transport } = packet
  if (packet.version === 4) {
    const destination = packet.destination4
    if (!isHost4(packet.source4) || isMulticast4(destination) || destination === 0xffffffff || destination === 0) {
      return false
    }
    return packet.protocol !== ICMP || isQuery4(memory[transport] as number)
  }
  if (!isHost6(packet, offset + 8) || memory[offset + 24] === 0xff) return false
  return packet.protocol !== ICMPV6 || isInformational6(memory[transport] as number)
}

/**
 * Writes the ICMP or ICMPv6 error about `offending` into `answer`, an empty packet with room for
 * {@link ICMP_ERROR_MAXIMUM} bytes. `source` is whom it comes from (4 or 16 bytes, by the family of the packet);
 * without it, the address that the packet was sent to. `mtu`, bytes, goes with `packet-too-big` only. Returns `answer`
 * as a parsed IP packet, or undefined, with `answer` unchanged, if no error may be sent about this packet.
 */
export function writeIcmpError(
  answer: Packet,
  offending: IpPacket,
  kind: IcmpErrorKind,
  source?: Uint8Array,
  mtu = 0,
): IpPacket | undefined {
  if (!mayAnswerWithIcmpError(offending)) return undefined
  if (source === undefined && offending.version === 4 && !isHost4(offending.destination4)) return undefined
  if (source === undefined && offending.version === 6 && !isHost6(offending, offending.offset + 24)) return undefined
  const rest = kind === 'packet-too-big' ? mtu : 0
  if (offending.version === 4) write4(answer, offending, types4[kind], source, rest)
  else write6(answer, offending, types6[kind], source, rest)
  answer.arrival = offending.arrival
  parseIp(answer)
  return asIpPacket(answer)
}

function write4(
  answer: Packet,
  offending: IpPacket,
  { type, code }: TypeAndCode,
  source: Uint8Array | undefined,
  mtu: number,
): void {
  const { memory, view, offset } = answer
  const quoted = Math.min(offending.length, ICMP4_ERROR_MAXIMUM - 28)
  answer.length = 28 + quoted
  view.setUint16(offset, 0x4500 | INTERNETWORK_CONTROL)
  view.setUint16(offset + 2, answer.length)
  // Never to be fragmented, so it needs no identification (RFC 6864 §4.1).
  view.setUint32(offset + 4, 0x4000)
  view.setUint32(offset + 8, (HOP_LIMIT << 24) | (ICMP << 16))
  copy(memory, offset + 12, source, offending, offending.offset + 16, 4)
  copy(memory, offset + 16, undefined, offending, offending.offset + 12, 4)
  view.setUint16(offset + 10, checksum(view, offset, 20))
  view.setUint32(offset + 20, (type << 24) | (code << 16))
  view.setUint32(offset + 24, mtu & 0xffff)
  copy(memory, offset + 28, undefined, offending, offending.offset, quoted)
  view.setUint16(offset + 22, checksum(view, offset + 20, 8 + quoted))
}

function write6(
  answer: Packet,
  offending: IpPacket,
  { type, code }: TypeAndCode,
  source: Uint8Array | undefined,
  mtu: number,
): void {
  const { memory, view, offset } = answer
  const quoted = Math.min(offending.length, ICMP_ERROR_MAXIMUM - 48)
  answer.length = 48 + quoted
  view.setUint32(offset, 0x6000_0000)
  view.setUint16(offset + 4, 8 + quoted)
  view.setUint16(offset + 6, (ICMPV6 << 8) | HOP_LIMIT)
  copy(memory, offset + 8, source, offending, offending.offset + 24, 16)
  copy(memory, offset + 24, undefined, offending, offending.offset + 8, 16)
  view.setUint32(offset + 40, (type << 24) | (code << 16))
  view.setUint32(offset + 44, mtu)
  copy(memory, offset + 48, undefined, offending, offending.offset, quoted)
  const sum = pseudoHeaderSum6(view, offset, ICMPV6, 8 + quoted)
  view.setUint16(offset + 42, checksum(view, offset + 40, 8 + quoted, sum))
}

/** Copies `length` bytes from `given`, or from the packet's memory at `at` where nothing is given. */
function copy(
  memory: Uint8Array,
  to: number,
  given: Uint8Array | undefined,
  packet: Packet,
  at: number,
  length: number,
): void {
  if (given === undefined && packet.memory === memory) memory.copyWithin(to, at, at + length)
  else memory.set(given ?? packet.memory.subarray(at, at + length), to)
}

/** Neither of network 0, loopback, multicast, class E nor broadcast (RFC 1812 §4.3.2.7). */
function isHost4(address: number): boolean {
  const first = address >>> 24
  return first !== 0 && first !== 127 && first < 224
}

function isMulticast4(address: number): boolean {
  return address >>> 28 === 14
}

/** Neither multicast, unspecified nor loopback. */
function isHost6({ memory, view }: Packet, at: number): boolean {
  if (memory[at] === 0xff) return false
  const low = view.getUint32(at + 12)
  return view.getUint32(at) !== 0 || view.getUint32(at + 4) !== 0 || view.getUint32(at + 8) !== 0 || low > 1
}

/** Types that are known not to be errors: echo, router discovery, timestamp, information, address mask. */
function isQuery4(type: number): boolean {
  return type === 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18)
}

/** RFC 4443 §2.1: errors are below 128. A redirect (137) is not to be answered either (§2.4 e.2). */
function isInformational6(type: number): boolean {
  return type >= 128 && type !== 137
}
