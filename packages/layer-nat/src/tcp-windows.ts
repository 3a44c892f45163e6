import { ACK, FIN, RST, SYN } from './tcp-state.ts'

const WINDOW_SCALE = 3
/** A side that has not offered to scale its window (RFC 7323 §2.2: then neither may). */
const NO_SCALE = 255

/**
 * What each side of a TCP connection has last acknowledged and how much more it lets the other send, so that a segment
 * that ends a connection can be told from a guess (RFC 5961, RFC 7857 §2.2), and an ICMP error about data in flight from
 * an invention (RFC 5927 §4.1). Only what a side sends moves its own window, and only the other side is judged by it:
 * whoever forges the outside moves nothing by which the outside is judged.
 *
 * Columns have two places a session: even for the inside, odd for the outside.
 */
export class TcpWindows {
  /** The latest acknowledgment: what the side waits for next. */
  readonly #edge: Int32Array
  /** The furthest sequence number that the side has ever let the other send. */
  readonly #right: Int32Array
  /** Behind the side's SYN and what it carried: what the answer must acknowledge. */
  readonly #afterSyn: Int32Array
  readonly #scale: Uint8Array
  /** 1 where edge and right are known. */
  readonly #known: Uint8Array

  constructor(capacity: number) {
    this.#edge = new Int32Array(capacity * 2)
    this.#right = new Int32Array(capacity * 2)
    this.#afterSyn = new Int32Array(capacity * 2)
    this.#scale = new Uint8Array(capacity * 2)
    this.#known = new Uint8Array(capacity * 2)
  }

  /** Nothing is known of the connection, or no more. */
  begin(session: number): void {
    this.#known.fill(0, session * 2, session * 2 + 2)
    this.#scale.fill(NO_SCALE, session * 2, session * 2 + 2)
    this.#afterSyn.fill(0, session * 2, session * 2 + 2)
  }

  /**
   * Whether a segment with FIN or RST may be from the side it seems to be from. Before the other side has acknowledged
   * anything, only the refusal of its SYN may: one that acknowledges it.
   */
  accepts(session: number, up: boolean, view: DataView, transport: number, end: number): boolean {
    const flags = view.getUint8(transport + 13)
    const other = session * 2 + (up ? 1 : 0)
    if (this.#known[other] === 0) {
      // What the inside does to its own connection before it is answered is its own affair.
      if (up || (flags & RST) === 0) return true
      return (flags & ACK) !== 0 && view.getInt32(transport + 8) === this.#afterSyn[other]
    }
    const sequence = view.getInt32(transport + 4)
    // A FIN stands behind the data of its segment.
    return this.#isInside(other, (flags & FIN) !== 0 ? (sequence + dataLength(view, transport, end)) | 0 : sequence)
  }

  /** Whether a segment from the outside acknowledges at least the SYN of the inside. */
  acknowledgesSyn(session: number, view: DataView, transport: number): boolean {
    return ((view.getInt32(transport + 8) - (this.#afterSyn[session * 2] as number)) | 0) >= 0
  }

  /** Whether data with this sequence number can be in flight from one side: not yet acknowledged, and allowed. */
  isInFlight(session: number, up: boolean, sequence: number): boolean {
    const other = session * 2 + (up ? 1 : 0)
    // A keep-alive probe repeats the byte before.
    return this.#known[other] === 0 || this.#isInside(other, sequence) || ((sequence + 1) | 0) === this.#edge[other]
  }

  /** A segment has passed. `opening` while the connection is not yet established: no later SYN counts. */
  note(session: number, up: boolean, view: DataView, transport: number, end: number, opening: boolean): void {
    const flags = view.getUint8(transport + 13)
    const side = session * 2 + (up ? 0 : 1)
    if ((flags & SYN) !== 0) {
      if (!opening) return
      this.#afterSyn[side] = view.getInt32(transport + 4) + 1 + dataLength(view, transport, end)
      this.#scale[side] = windowScale(view, transport)
    }
    if ((flags & ACK) === 0 || (flags & RST) !== 0) return
    const acknowledgment = view.getInt32(transport + 8)
    const right = (acknowledgment + this.#windowOf(session, side, view.getUint16(transport + 14), flags)) | 0
    if (this.#known[side] === 0) {
      this.#known[side] = 1
      this.#edge[side] = acknowledgment
      this.#right[side] = right
      return
    }
    if (((acknowledgment - (this.#edge[side] as number)) | 0) > 0) this.#edge[side] = acknowledgment
    if (((right - (this.#right[side] as number)) | 0) > 0) this.#right[side] = right
  }

  #isInside(other: number, sequence: number): boolean {
    return (
      ((sequence - (this.#edge[other] as number)) | 0) >= 0 && (((this.#right[other] as number) - sequence) | 0) >= 0
    )
  }

  #windowOf(session: number, side: number, window: number, flags: number): number {
    const scale = this.#scale[side] as number
    // RFC 7323 §2.2: the window of a SYN is never scaled, and both must have offered to.
    if ((flags & SYN) !== 0 || scale === NO_SCALE || this.#scale[session * 4 + 1 - side] === NO_SCALE) return window
    return window << scale
  }
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
