import { foldSum } from '../ip/checksum.ts'
import type { OnesComplement } from '../ip/ones-complement.ts'
import { TCP, UDP } from '../ip/protocols.ts'
import type { Packet } from '../packet/packet.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import { CWR, FIN, PSH } from './tcp-udp.ts'

/** Segments of one super-packet, at most: 65,535 bytes at Linux's smallest MSS are 1,366. */
export const MAXIMUM_SEGMENTS = 2048

/**
 * Cuts IP super-packets into the packets they stand for. One object serves for any number of them, one after the other:
 *
 *     const reason = segmenter.begin(packet)
 *     for (let i = 0; reason === undefined && i < segmenter.count; i++) length = segmenter.write(i, at)
 *
 * The source stays as it is. Each segment repeats its headers with lengths, checksums and TCP sequence number of its own;
 * the IPv4 identification counts up; PSH and FIN stand behind the last byte, so only the last segment has them; CWR is
 * said once, by the first (RFC 3168 §6.1.2).
 */
export class Segmenter {
  readonly #sums: OnesComplement
  readonly #view: DataView
  /** How many segments the packet stands for; 0 when `begin` gave a reason. */
  count = 0
  #version: 4 | 6 = 4
  #isTcp = true
  /** Where the packet begins in memory, and how many bytes are what. */
  #source = 0
  #ipHeader = 0
  #headers = 0
  #payload = 0
  #size = 0
  #id = 0
  /** As a signed number, which the engine keeps without a box of its own. */
  #sequence = 0
  /** Data offset and flags, as the 16-bit word they stand in. */
  #flags = 0
  /** Sum of the IPv4 header without what differs from segment to segment. */
  #ipSum = 0
  /** The same of pseudo-header and transport header. */
  #transportSum = 0

  /** `sums` of the pool that the packets come from. */
  constructor(sums: OnesComplement) {
    this.#sums = sums
    this.#view = sums.view
  }

  /**
   * Looks at a packet that {@link parseIp} has accepted, and that has a `segmentSize`. Returns the reason for a drop, or
   * undefined: then the packet must stay where and as it is as long as its segments are written.
   */
  begin(packet: Packet): 'super-packet-malformed' | undefined {
    this.count = 0
    const p = packet as PooledPacket
    if (p.view !== this.#view || p.isFragment || p.segmentSize <= 0) return MALFORMED
    const ipHeader = p.transport - p.offset
    if (ipHeader > p.length || p.headroom < 0 || p.tailroom < 0) return MALFORMED
    if (!hasRightIpHeader(p, ipHeader)) return MALFORMED
    const headers = ipHeader + transportHeaderLength(p, ipHeader)
    if (headers === ipHeader || headers !== p.segmentHeader) return MALFORMED
    const count = Math.max(Math.ceil((p.length - headers) / p.segmentSize), 1)
    if (count > MAXIMUM_SEGMENTS) return MALFORMED

    this.#version = p.version === 4 ? 4 : 6
    this.#isTcp = p.protocol === TCP
    this.#source = p.offset
    this.#ipHeader = ipHeader
    this.#headers = headers
    this.#payload = p.length - headers
    this.#size = p.segmentSize
    this.#sumUp(p.transport, p.protocol)
    this.count = count
    return undefined
  }

  /** Bytes of segment `index`, which is below `count`, headers included. */
  lengthOf(index: number): number {
    return this.#headers + Math.min(this.#size, this.#payload - index * this.#size)
  }

  /** Writes segment `index`, in any order, to `at` in the same memory, outside of the packet. Returns its length. */
  write(index: number, at: number): number {
    const view = this.#view
    const from = index * this.#size
    const total = this.lengthOf(index)
    this.#sums.copyAndSum(this.#source, at, this.#headers)
    const payloadSum = this.#sums.copyAndSum(
      this.#source + this.#headers + from,
      at + this.#headers,
      total - this.#headers,
    )

    if (this.#version === 4) {
      const id = (this.#id + index) & 0xffff
      view.setUint16(at + 2, total)
      view.setUint16(at + 4, id)
      view.setUint16(at + 10, ~foldSum(this.#ipSum + total + id))
    } else {
      view.setUint16(at + 4, total - 40)
    }

    const transport = at + this.#ipHeader
    const length = total - this.#ipHeader
    const sum = this.#transportSum + length + payloadSum
    if (this.#isTcp) {
      const sequence = (this.#sequence + from) | 0
      let flags = this.#flags
      if (index > 0) flags &= ~CWR
      if (index < this.count - 1) flags &= ~(FIN | PSH)
      view.setInt32(transport + 4, sequence)
      view.setUint16(transport + 12, flags)
      view.setUint16(transport + 16, ~foldSum(sum + (sequence >>> 16) + (sequence & 0xffff) + flags))
    } else {
      view.setUint16(transport + 4, length)
      // RFC 768: a checksum of 0 would mean that there is none.
      view.setUint16(transport + 6, ~foldSum(sum + length) & 0xffff || 0xffff)
    }
    return total
  }

  #sumUp(transport: number, protocol: number): void {
    const view = this.#view
    const ip = this.#source
    let sum = protocol
    if (this.#version === 4) {
      this.#id = view.getUint16(ip + 4)
      const changing = view.getUint16(ip + 2) + this.#id + view.getUint16(ip + 10)
      this.#ipSum = without(this.#sums.sum(ip, this.#ipHeader), changing)
      sum += this.#sums.sum(ip + 12, 8)
    } else {
      sum += this.#sums.sum(ip + 8, 32)
    }
    sum += this.#sums.sum(transport, this.#headers - this.#ipHeader)
    if (this.#isTcp) {
      this.#sequence = view.getInt32(transport + 4)
      this.#flags = view.getUint16(transport + 12)
      const sequence = (this.#sequence >>> 16) + (this.#sequence & 0xffff)
      this.#transportSum = without(sum, sequence + this.#flags + view.getUint16(transport + 16))
    } else {
      this.#transportSum = without(sum, view.getUint16(transport + 4) + view.getUint16(transport + 6))
    }
  }
}

const MALFORMED = 'super-packet-malformed'

/** One's complement subtraction (RFC 1071 §2): the result may be 0xffff for 0, which are one number until something is added. */
function without(sum: number, part: number): number {
  return sum + (~foldSum(part) & 0xffff)
}

/** Whether the bytes still say what `parseIp` has read from them: a layer on the way may have made them say something else. */
function hasRightIpHeader(p: PooledPacket, ipHeader: number): boolean {
  const { view, offset, length } = p
  if (p.version === 4) {
    if (ipHeader < 20 || view.getUint8(offset) !== (0x40 | (ipHeader >> 2)) || view.getUint16(offset + 2) !== length)
      return false
    return (view.getUint16(offset + 6) & 0x3fff) === 0 && view.getUint8(offset + 9) === p.protocol
  }
  if (p.version !== 6 || ipHeader < 40 || view.getUint8(offset) >> 4 !== 6) return false
  return view.getUint16(offset + 4) + 40 === length && (ipHeader > 40 || view.getUint8(offset + 6) === p.protocol)
}

/** 0 when there is no whole TCP or UDP header. */
function transportHeaderLength(p: PooledPacket, ipHeader: number): number {
  const room = p.length - ipHeader
  if (p.protocol === UDP) return room >= 8 ? 8 : 0
  if (p.protocol !== TCP || room < 20) return 0
  const length = (p.view.getUint8(p.transport + 12) >> 4) * 4
  return length >= 20 && length <= room ? length : 0
}
