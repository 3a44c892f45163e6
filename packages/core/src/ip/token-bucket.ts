/** Bounds of a {@link TokenBucket}. */
export interface TokenBucketOptions {
  /** Tokens that come back each second. */
  readonly perSecond: number
  /** Tokens it holds at most, and at first. */
  readonly burst: number
}

/** Limits a rate: `burst` at once, `perSecond` in the long run. Reads no clock; time that runs backwards gives nothing. */
export class TokenBucket {
  readonly #perMillisecond: number
  readonly #burst: number
  #tokens: number
  /** NaN before the first, when the bucket is full. */
  #filledAt = Number.NaN

  constructor({ perSecond, burst }: TokenBucketOptions) {
    this.#perMillisecond = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /** Takes one token if there is one. `now` in milliseconds. */
  take(now: number): boolean {
    if (Number.isNaN(this.#filledAt)) this.#filledAt = now
    else if (now > this.#filledAt) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMillisecond)
      this.#filledAt = now
    }
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
