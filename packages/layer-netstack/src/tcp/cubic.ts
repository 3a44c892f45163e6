/** RFC 9438 §4.6 and §5. */
const BETA = 0.7
const C = 0.4
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)

/**
 * Congestion window, in bytes: slow start (RFC 5681 §3.1), CUBIC from then on (RFC 9438). It begins with ten segments
 * (RFC 6928).
 */
export class Cubic {
  window = 0
  threshold: number = Number.POSITIVE_INFINITY
  #segment = 0
  /** In segments: where the last loss was, where the growth began, and what Reno would have. */
  #maximum = 0
  #prior = 0
  #reno = 0
  #k = 0
  #epoch = Number.NEGATIVE_INFINITY
  #before = 0
  #thresholdBefore = 0

  reset(segment: number): void {
    this.#segment = segment
    this.window = Math.min(10 * segment, Math.max(2 * segment, 14_600))
    this.threshold = Number.POSITIVE_INFINITY
    this.#maximum = 0
    this.#prior = 0
    this.#epoch = Number.NEGATIVE_INFINITY
  }

  get inSlowStart(): boolean {
    return this.window < this.threshold
  }

  /** The segments have become smaller: the path takes no more. */
  resize(segment: number): void {
    this.#segment = segment
    this.window = Math.max(this.window, 2 * segment)
  }

  /** `bytes` have been acknowledged while the window was what kept more from being sent. */
  acknowledged(bytes: number, roundTrip: number, now: number): void {
    let rest = bytes
    if (this.inSlowStart) {
      const step = Math.min(bytes, this.threshold - this.window)
      this.window += step
      rest -= step
    }
    if (rest > 0) this.#grow(rest / this.#segment, roundTrip, now)
  }

  /** A loss that has been seen by what arrived behind it (§4.6, §4.7). */
  lost(): void {
    this.#before = this.window
    this.#thresholdBefore = this.threshold
    const size = this.window / this.#segment
    this.#maximum = size < this.#maximum ? (size * (1 + BETA)) / 2 : size
    this.#prior = size
    this.threshold = Math.max(this.window * BETA, 2 * this.#segment)
    this.window = this.threshold
    this.#epoch = Number.NEGATIVE_INFINITY
  }

  /** Nothing has come back for a whole timeout (§4.8): one segment, and slow start. */
  timedOut(): void {
    this.lost()
    this.window = this.#segment
  }

  /** What was taken for a loss was none (RFC 4015). */
  undo(): void {
    this.window = Math.max(this.window, this.#before)
    this.threshold = this.#thresholdBefore
    this.#epoch = Number.NEGATIVE_INFINITY
  }

  /** Nothing was sent for `idle`: what was known of the path halves with each timeout (RFC 2861 §3.1). */
  idled(idle: number, timeout: number): void {
    const initial = Math.min(10 * this.#segment, Math.max(2 * this.#segment, 14_600))
    if (idle < timeout || this.window <= initial) return
    this.threshold = Math.max(this.threshold === Number.POSITIVE_INFINITY ? 0 : this.threshold, this.window * 0.75)
    this.window = Math.max(this.window / 2 ** Math.min(Math.floor(idle / timeout), 32), initial)
    this.#epoch = Number.NEGATIVE_INFINITY
  }

  #grow(segments: number, roundTrip: number, now: number): void {
    const size = this.window / this.#segment
    if (this.#epoch === Number.NEGATIVE_INFINITY) {
      this.#epoch = now
      this.#maximum = Math.max(this.#maximum, size)
      this.#k = Math.cbrt((this.#maximum - size) / C)
      this.#reno = size
    }
    const time = (now - this.#epoch + roundTrip) / 1000 - this.#k
    const target = Math.min(Math.max(C * time ** 3 + this.#maximum, size), 1.5 * size)
    this.#reno += ((this.#reno < this.#prior ? ALPHA : 1) * segments) / size
    const cubic = size + ((target - size) / size) * segments
    this.window = Math.max(cubic, this.#reno, size) * this.#segment
  }
}
