import type { OnesComplement } from '../ip/ones-complement.ts'
import type { Peer } from '../packet/packet.ts'
import { MAXIMUM_PACKET } from '../packet/pool.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import type { Candidate } from './candidate.ts'
import { MAXIMUM_SEGMENTS } from './segmenter.ts'
import { PSH } from './tcp-udp.ts'

/** UDP segments in one packet, at most: what every kernel with UDP_SEGMENT takes (UDP_MAX_SEGMENTS before Linux 6.10). */
const MAXIMUM_UDP_SEGMENTS = 64

/** Segments of one flow, held in the packet of the first of them. One object is used for one run after the other. */
export class Run {
  readonly #sums: OnesComplement
  readonly #view: DataView
  /** Undefined when nothing is held. */
  packet: PooledPacket | undefined
  /** Counts up from run to run. */
  started = 0
  #peer: Peer | undefined
  #version: 4 | 6 = 4
  #isTcp = false
  #key = 0
  /** Where the first segment begins in memory, and how many bytes are what. */
  #at = 0
  #ipHeader = 0
  #headers = 0
  #size = 0
  /** Of all so far, headers included, and how long it may become. */
  #length = 0
  #limit = 0
  #count = 0
  #nextSequence = 0
  #nextId = 0
  #push = false

  constructor(sums: OnesComplement) {
    this.#sums = sums
    this.#view = sums.view
  }

  /** `packet` has the bytes of `first`, which may be the first of several. */
  open(packet: PooledPacket, first: Candidate, started: number): void {
    this.packet = packet
    this.started = started
    this.#peer = packet.peer
    this.#version = first.version === 4 ? 4 : 6
    this.#isTcp = first.isTcp
    this.#key = first.key
    this.#at = packet.offset
    this.#ipHeader = first.ipHeader
    this.#headers = first.headers
    this.#size = first.size
    this.#length = first.headers + first.size
    this.#limit = Math.min(MAXIMUM_PACKET, packet.slotEnd - packet.offset)
    this.#count = 1
    this.#nextSequence = (first.sequence + first.size) | 0
    this.#nextId = (first.id + 1) & 0xffff
    this.#push = false
  }

  /** Whether a segment is of the flow that is held here. */
  isOf(peer: Peer, segment: Candidate): boolean {
    if (this.packet === undefined || this.#key !== segment.key || this.#isTcp !== segment.isTcp) return false
    return this.isBetween(peer, segment) && this.#equals(segment, this.#ipHeader, 4)
  }

  /** Whether a packet goes the same way, from the same host to the same host, whatever is in it. */
  isBetween(peer: Peer, packet: Candidate): boolean {
    if (this.packet === undefined || this.#peer !== peer || this.#version !== packet.version) return false
    return this.#version === 4 ? this.#equals(packet, 12, 8) : this.#equals(packet, 8, 32)
  }

  /** Appends the next segment of this flow, if it is that and nothing is lost by it. The last closes the run. */
  append(segment: Candidate): boolean {
    if (!this.#fits(segment) || !segment.hasRightIpChecksum()) return false
    // One pass over the payload: what turns out to be corrupt stands behind the end, where nobody looks.
    const from = segment.at + segment.headers
    if (!segment.hasRightChecksum(this.#sums.copyAndSum(from, this.#at + this.#length, segment.size))) return false
    this.#length += segment.size
    this.#count++
    this.#nextSequence = (this.#nextSequence + segment.size) | 0
    this.#nextId = (this.#nextId + 1) & 0xffff
    this.#push = segment.isLast
    const most = this.#isTcp ? MAXIMUM_SEGMENTS : MAXIMUM_UDP_SEGMENTS
    if (segment.isLast || segment.size < this.#size || this.#count === most) this.close()
    return true
  }

  /** Makes the packet what it stands for now, and lets go of it. A single segment stays as it came. */
  close(): void {
    const { packet } = this
    this.packet = undefined
    this.#peer = undefined
    if (packet === undefined || this.#count === 1) return
    packet.length = this.#length
    packet.segmentSize = this.#size
    packet.segmentHeader = this.#headers
    const view = this.#view
    const at = this.#at
    if (this.#version === 4) {
      view.setUint16(at + 2, this.#length)
      view.setUint16(at + 10, 0)
      view.setUint16(at + 10, ~this.#sums.sum(at, 20))
    } else {
      view.setUint16(at + 4, this.#length - 40)
    }
    const transport = at + this.#ipHeader
    if (!this.#isTcp) view.setUint16(transport + 4, this.#length - this.#ipHeader)
    else if (this.#push) view.setUint8(transport + 13, view.getUint8(transport + 13) | PSH)
  }

  /** Whether everything that the joined packet can say only once is equal. */
  #fits(segment: Candidate): boolean {
    if (!segment.isPlain || segment.headers !== this.#headers) return false
    if (segment.size > this.#size || this.#length + segment.size > this.#limit) return false
    if (this.#version === 4) {
      if (!segment.isAtomic && segment.id !== this.#nextId) return false
      // Type of service, DF, TTL.
      if (!this.#equalByte(segment, 1) || !this.#equalByte(segment, 6) || !this.#equalByte(segment, 8)) return false
    } else if (!this.#equals(segment, 0, 4) || !this.#equalByte(segment, 7)) {
      // Traffic class and flow label, hop limit.
      return false
    }
    if (!this.#isTcp) return true
    if (segment.sequence !== this.#nextSequence) return false
    const tcp = this.#ipHeader
    // Acknowledgment, window and urgent pointer (0), options. Data offset and flags are equal already.
    if (!this.#equals(segment, tcp + 8, 4)) return false
    if (!this.#equalByte(segment, tcp + 14) || !this.#equalByte(segment, tcp + 15)) return false
    return this.#equals(segment, tcp + 20, this.#headers - tcp - 20)
  }

  #equalByte(packet: Candidate, at: number): boolean {
    return this.#view.getUint8(this.#at + at) === this.#view.getUint8(packet.at + at)
  }

  /** Whether `length` bytes are the same, counted from the begin of the IP header. */
  #equals(packet: Candidate, at: number, length: number): boolean {
    return equal(this.#view, this.#at + at, packet.at + at, length)
  }
}

/** Whether `length` bytes, a multiple of 4, are the same in two places. */
function equal(view: DataView, one: number, other: number, length: number): boolean {
  for (let i = 0; i < length; i += 4) {
    if (view.getInt32(one + i) !== view.getInt32(other + i)) return false
  }
  return true
}
