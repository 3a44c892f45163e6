/** RFC 6298 §2.1. */
const INITIAL_RTO = 1000
/** The least that RTTVAR adds to SRTT. RFC 6298 asks for an RTO of a second; this is what Linux does in its place. */
const MINIMUM_VARIANCE = 200
/** RFC 6298 §2.5. */
const MAXIMUM_RTO = 60_000
/** How long a smallest round trip counts; routes change. */
const MINIMUM_VALID = 10_000

/** Round-trip time and retransmission timeout of a connection (RFC 6298), milliseconds. */
export class RoundTrip {
  /** Smoothed; 0 before the first sample. */
  smoothed = 0
  /** The smallest of late; 0 before the first sample. */
  minimum = 0
  #variance = 0
  #rto = INITIAL_RTO
  #backoff = 0
  #minimumAt = 0

  reset(): void {
    this.smoothed = 0
    this.minimum = 0
    this.#variance = 0
    this.#rto = INITIAL_RTO
    this.#backoff = 0
  }

  /** With what timeouts in a row have added to it (§5.5). */
  get timeout(): number {
    return Math.min(this.#rto * 2 ** this.#backoff, MAXIMUM_RTO)
  }

  /** A round trip that no retransmission makes doubtful (Karn's algorithm, §3). */
  sample(rtt: number, now: number): void {
    if (this.smoothed === 0) {
      this.smoothed = Math.max(rtt, 0.001)
      this.#variance = rtt / 2
    } else {
      this.#variance += (Math.abs(this.smoothed - rtt) - this.#variance) / 4
      this.smoothed += (rtt - this.smoothed) / 8
    }
    if (this.minimum === 0 || rtt <= this.minimum || now - this.#minimumAt > MINIMUM_VALID) {
      this.minimum = Math.max(rtt, 0.001)
      this.#minimumAt = now
    }
    this.#rto = Math.min(this.smoothed + Math.max(4 * this.#variance, MINIMUM_VARIANCE), MAXIMUM_RTO)
  }

  backOff(): void {
    if (this.#backoff < 16) this.#backoff++
  }

  /** The other end has acknowledged something new. */
  relax(): void {
    this.#backoff = 0
  }
}
