const SECOND = 1000

/** Counts different destinations within a second: at most `maximum` of them, known ones as often as one likes. */
export class FanOut {
  readonly #maximum: number
  readonly #seen = new Set<string>()
  #since = Number.NEGATIVE_INFINITY

  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** `now` in milliseconds. */
  allow(destination: string, now: number): boolean {
    if (now - this.#since >= SECOND) {
      this.#seen.clear()
      this.#since = now
    }
    if (this.#seen.size >= this.#maximum) return this.#seen.has(destination)
    this.#seen.add(destination)
    return true
  }
}
