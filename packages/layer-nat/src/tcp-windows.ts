import { SESSION_WORDS, WINDOWS } from './session-row.ts'
import { ACK, FIN, RST, SYN } from './tcp-state.ts'

const WINDOW_SCALE = 3
/** A side that has not offered to scale its window (RFC 7323 §2.2: then neither may). */
const NO_SCALE = 255

// Words of a side. That of the inside comes first.
const SIDE = 4
/** The latest acknowledgment: what the side waits for next. */
const EDGE = 0
/** The furthest sequence number that the side has ever let the other send. */
const RIGHT = 1
/** Behind the side's SYN and what it carried: what the answer must acknowledge. */
const AFTER_SYN = 2
/** The shift that the side has offered, and above that whether edge and right are known. */
const SCALE = 3
const KNOWN = 0x100

/** What is known of one side of a connection. Sequence numbers are unsigned. */
export interface NatTcpSide {
  /** What it waits for next, and how far it lets the other side send; null where it has acknowledged nothing yet. */
  readonly next: number | null
  readonly right: number | null
  /** Behind its SYN. */
  readonly afterSyn: number
  /** Shift of its window; null where it has not offered one. */
  readonly scale: number | null
}

/**
 * What each side of a TCP connection has last acknowledged and how much more it lets the other send, so that a segment
 * that ends a connection can be told from a guess (RFC 5961, RFC 7857 §2.2), and an ICMP error about data in flight from
 * an invention (RFC 5927 §4.1). Only what a side sends moves its own window, and only the other side is judged by it:
 * whoever forges the outside moves nothing by which the outside is judged.
 */
export class TcpWindows {
  readonly #words: Int32Array

  /** The rows of all sessions. */
  constructor(words: Int32Array) {
    this.#words = words
  }

  /** Nothing is known of the connection, or no more. */
  begin(session: number): void {
    const inside = sideOf(session, true)
    for (let side = inside; side < inside + 2 * SIDE; side += SIDE) {
      this.#words[side + AFTER_SYN] = 0
      this.#words[side + SCALE] = NO_SCALE
    }
  }

  /**
   * Whether a segment with FIN or RST may be from the side it seems to be from. Before the other side has acknowledged
   * anything, only the refusal of its SYN may: one that acknowledges it.
   */
  accepts(session: number, up: boolean, view: DataView, transport: number, end: number): boolean {
    const flags = view.getUint8(transport + 13)
    const other = sideOf(session, !up)
    if (!this.#isKnown(other)) {
      // What the inside does to its own connection before it is answered is its own affair.
      if (up || (flags & RST) === 0) return true
      return (flags & ACK) !== 0 && view.getInt32(transport + 8) === this.#words[other + AFTER_SYN]
    }
    const sequence = view.getInt32(transport + 4)
    // A FIN stands behind the data of its segment.
    return this.#isInside(other, (flags & FIN) !== 0 ? (sequence + dataLength(view, transport, end)) | 0 : sequence)
  }

  /** Whether a segment from the outside acknowledges at least the SYN of the inside. */
  acknowledgesSyn(session: number, view: DataView, transport: number): boolean {
    return ahead(view.getInt32(transport + 8), this.#words[sideOf(session, true) + AFTER_SYN] as number) >= 0
  }

  /** Whether data with this sequence number can be in flight from one side: not yet acknowledged, and allowed. */
  isInFlight(session: number, up: boolean, sequence: number): boolean {
    const other = sideOf(session, !up)
    if (!this.#isKnown(other) || this.#isInside(other, sequence)) return true
    // A keep-alive probe repeats the byte before.
    return ((sequence + 1) | 0) === this.#words[other + EDGE]
  }

  /** A segment has passed. `opening` while the connection is not yet established: no later SYN counts. */
  note(session: number, up: boolean, view: DataView, transport: number, end: number, opening: boolean): void {
    const words = this.#words
    const flags = view.getUint8(transport + 13)
    const side = sideOf(session, up)
    if ((flags & SYN) !== 0) {
      if (!opening) return
      words[side + AFTER_SYN] = view.getInt32(transport + 4) + 1 + dataLength(view, transport, end)
      words[side + SCALE] = windowScale(view, transport) | ((words[side + SCALE] as number) & KNOWN)
    }
    if ((flags & ACK) === 0 || (flags & RST) !== 0) return
    const acknowledgment = view.getInt32(transport + 8)
    const right = (acknowledgment + this.#windowOf(side, view.getUint16(transport + 14), flags)) | 0
    const isKnown = this.#isKnown(side)
    if (!isKnown) words[side + SCALE] = (words[side + SCALE] as number) | KNOWN
    if (!isKnown || ahead(acknowledgment, words[side + EDGE] as number) > 0) words[side + EDGE] = acknowledgment
    if (!isKnown || ahead(right, words[side + RIGHT] as number) > 0) words[side + RIGHT] = right
  }

  #isKnown(side: number): boolean {
    return ((this.#words[side + SCALE] as number) & KNOWN) !== 0
  }

  /** What is known of the inside, or of the outside. */
  read(session: number, up: boolean): NatTcpSide {
    const words = this.#words
    const side = sideOf(session, up)
    const isKnown = this.#isKnown(side)
    const scale = (words[side + SCALE] as number) & NO_SCALE
    return {
      next: isKnown ? (words[side + EDGE] as number) >>> 0 : null,
      right: isKnown ? (words[side + RIGHT] as number) >>> 0 : null,
      afterSyn: (words[side + AFTER_SYN] as number) >>> 0,
      scale: scale === NO_SCALE ? null : scale,
    }
  }

  write(session: number, up: boolean, { next, right, afterSyn, scale }: NatTcpSide): void {
    const words = this.#words
    const side = sideOf(session, up)
    words[side + EDGE] = next ?? 0
    words[side + RIGHT] = right ?? 0
    words[side + AFTER_SYN] = afterSyn
    words[side + SCALE] = (scale ?? NO_SCALE) | (next === null ? 0 : KNOWN)
  }

  #isInside(side: number, sequence: number): boolean {
    const words = this.#words
    return ahead(sequence, words[side + EDGE] as number) >= 0 && ahead(words[side + RIGHT] as number, sequence) >= 0
  }

  #windowOf(side: number, window: number, flags: number): number {
    const scale = (this.#words[side + SCALE] as number) & NO_SCALE
    const otherScale = (this.#words[(side ^ SIDE) + SCALE] as number) & NO_SCALE
    // RFC 7323 §2.2: the window of a SYN is never scaled, and both must have offered to.
    return (flags & SYN) !== 0 || scale === NO_SCALE || otherScale === NO_SCALE ? window : window << scale
  }
}

/** Where the words of the inside begin, or of the outside. */
function sideOf(session: number, up: boolean): number {
  return session * SESSION_WORDS + WINDOWS + (up ? 0 : SIDE)
}

/** By how much `a` is ahead of `b`, of sequence numbers less than 2^31 apart (RFC 9293 §3.4). */
function ahead(a: number, b: number): number {
  return (a - b) | 0
}

function dataLength(view: DataView, transport: number, end: number): number {
  return end - transport - (view.getUint8(transport + 12) >> 4) * 4
}

/** The shift that a SYN offers, 14 at most (RFC 7323 §2.3). */
function windowScale(view: DataView, transport: number): number {
  const end = transport + (view.getUint8(transport + 12) >> 4) * 4
  for (let at = transport + 20; at + 1 < end; ) {
    const kind = view.getUint8(at)
    if (kind === 0) break
    const length = kind === 1 ? 1 : view.getUint8(at + 1)
    if (length === 0 || at + length > end) break
    if (kind === WINDOW_SCALE && length === 3) return Math.min(view.getUint8(at + 2), 14)
    at += length
  }
  return NO_SCALE
}
