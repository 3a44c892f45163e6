import { type Clock, TokenBucket, type TokenBucketOptions } from '@millrace/core'

/** Where lines of JSON go, without a line break, and how many a second. */
export interface LineLogOptions {
  readonly write: (line: string) => void
  readonly rate: TokenBucketOptions
}

/**
 * A log of one line of JSON for each event, at no higher rate than it is given: what is lost is counted, and the next
 * line that goes out is preceded by one that says how many are missing.
 */
export class LineLog {
  readonly #write: (line: string) => void
  readonly #bucket: TokenBucket
  readonly #clock: Clock
  #lost = 0
  #toldLost = 0

  constructor({ write, rate }: LineLogOptions, clock: Clock) {
    this.#write = write
    this.#bucket = new TokenBucket(rate)
    this.#clock = clock
  }

  /** Lines that were not written. */
  get lost(): number {
    return this.#lost
  }

  /** Whether a line may be written, which is lost if not. To be asked first, so that a line that is lost costs nothing. */
  mayWrite(now: number): boolean {
    if (this.#bucket.take(now)) return true
    this.#lost++
    return false
  }

  record(fields: Record<string, unknown>): void {
    const missing = this.#lost - this.#toldLost
    if (missing > 0 && this.#line({ event: 'lost', lines: missing })) this.#toldLost += missing
    if (!this.#line(fields)) this.#lost++
  }

  /** False if the writer throws, which must not stop the packets. */
  #line(fields: Record<string, unknown>): boolean {
    try {
      this.#write(JSON.stringify({ time: new Date(this.#clock.wall()).toISOString(), ...fields }))
      return true
    } catch {
      return false
    }
  }
}
