import { distance, isAfter } from './sequence.ts'

const SMALLEST = 64
/** Segments under way at once, at most. */
const LARGEST = 4096

const SACKED = 1
const LOST = 2
const RETRANSMITTED = 4

/**
 * What has been sent and not yet acknowledged, segment by segment in the order of the stream, each with when it was last
 * sent and what is known of it: the scoreboard of RFC 6675 with the times of RFC 8985. Segment 0 is the oldest.
 */
export class SentSegments {
  count = 0
  /** Sequence number of the first byte of segment 0. */
  start = 0
  /** Bytes thought to be under way: neither selectively acknowledged nor taken for lost (RFC 6675 "pipe"). */
  inFlight = 0
  /** Segments taken for lost that have not been sent again since. */
  lost = 0
  sacked = 0
  #ends: Int32Array = new Int32Array(SMALLEST)
  #times: Float64Array = new Float64Array(SMALLEST)
  #marks: Uint8Array = new Uint8Array(SMALLEST)
  #first = 0

  get isFull(): boolean {
    return this.count >= LARGEST
  }

  begin(start: number): void {
    this.count = 0
    this.start = start
    this.inFlight = 0
    this.lost = 0
    this.sacked = 0
  }

  /** A segment that ends before `end` has been sent for the first time. */
  push(end: number, now: number): void {
    if (this.count === this.#ends.length) this.#grow()
    const at = this.#at(this.count)
    this.inFlight += distance(this.count === 0 ? this.start : this.endOf(this.count - 1), end)
    this.#ends[at] = end
    this.#times[at] = now
    this.#marks[at] = 0
    this.count++
  }

  startOf(i: number): number {
    return i === 0 ? this.start : (this.#ends[this.#at(i - 1)] as number)
  }

  endOf(i: number): number {
    return this.#ends[this.#at(i)] as number
  }

  sizeOf(i: number): number {
    return distance(this.startOf(i), this.endOf(i))
  }

  /** When it was last sent. */
  timeOf(i: number): number {
    return this.#times[this.#at(i)] as number
  }

  isSacked(i: number): boolean {
    return ((this.#marks[this.#at(i)] as number) & SACKED) !== 0
  }

  isLost(i: number): boolean {
    return ((this.#marks[this.#at(i)] as number) & LOST) !== 0
  }

  wasRetransmitted(i: number): boolean {
    return ((this.#marks[this.#at(i)] as number) & RETRANSMITTED) !== 0
  }

  /** The first segment that ends behind `sequence`, or `count`. */
  search(sequence: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (isAfter(this.endOf(middle), sequence)) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Takes out segment 0, as all of it has been acknowledged. */
  shift(): void {
    const at = this.#first
    const size = distance(this.start, this.#ends[at] as number)
    this.#forget(this.#marks[at] as number, size)
    this.start = this.#ends[at] as number
    this.#first = (at + 1) & (this.#ends.length - 1)
    this.count--
  }

  /** The bytes of segment 0 before `sequence`, which lies inside, have been acknowledged. */
  trim(sequence: number): void {
    const marks = this.#marks[this.#first] as number
    if ((marks & (SACKED | LOST)) === 0) this.inFlight -= distance(this.start, sequence)
    this.start = sequence
  }

  markSacked(i: number): void {
    const at = this.#at(i)
    const marks = this.#marks[at] as number
    if ((marks & SACKED) !== 0) return
    this.#forget(marks, this.sizeOf(i))
    this.#marks[at] = (marks & ~LOST) | SACKED
    this.sacked++
  }

  markLost(i: number): void {
    const at = this.#at(i)
    const marks = this.#marks[at] as number
    if ((marks & (SACKED | LOST)) !== 0) return
    this.#marks[at] = marks | LOST
    this.inFlight -= this.sizeOf(i)
    this.lost++
  }

  markRetransmitted(i: number, now: number): void {
    const at = this.#at(i)
    const marks = this.#marks[at] as number
    if ((marks & LOST) !== 0) {
      this.lost--
      this.inFlight += this.sizeOf(i)
    }
    this.#marks[at] = (marks & ~LOST) | RETRANSMITTED
    this.#times[at] = now
  }

  /** Segment `i` was taken for lost too early, and has not been sent again. */
  unmarkLost(i: number): void {
    const at = this.#at(i)
    const marks = this.#marks[at] as number
    if ((marks & LOST) === 0) return
    this.#marks[at] = marks & ~LOST
    this.inFlight += this.sizeOf(i)
    this.lost--
  }

  /** Forgets what has been selectively acknowledged: its receiver may have thrown it away (RFC 2018 §8). */
  unmarkSacked(): void {
    for (let i = 0; i < this.count; i++) {
      const at = this.#at(i)
      const marks = this.#marks[at] as number
      if ((marks & SACKED) === 0) continue
      this.#marks[at] = marks & ~SACKED
      this.inFlight += this.sizeOf(i)
      this.sacked--
    }
  }

  #forget(marks: number, size: number): void {
    if ((marks & SACKED) !== 0) this.sacked--
    else if ((marks & LOST) !== 0) this.lost--
    else this.inFlight -= size
  }

  #at(i: number): number {
    return (this.#first + i) & (this.#ends.length - 1)
  }

  #grow(): void {
    const size = this.#ends.length * 2
    const ends = new Int32Array(size)
    const times = new Float64Array(size)
    const marks = new Uint8Array(size)
    for (let i = 0; i < this.count; i++) {
      const at = this.#at(i)
      ends[i] = this.#ends[at] as number
      times[i] = this.#times[at] as number
      marks[i] = this.#marks[at] as number
    }
    this.#ends = ends
    this.#times = times
    this.#marks = marks
    this.#first = 0
  }
}
