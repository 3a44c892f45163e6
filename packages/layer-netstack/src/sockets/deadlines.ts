/** Flows that may wait for a certain time, the same for all. */
export class Deadlines<Flow> {
  readonly #time: number
  /** Until when, in this order. */
  readonly #flows = new Map<Flow, number>()

  /** `time` in milliseconds. */
  constructor(time: number) {
    this.#time = time
  }

  /** When the first has waited long enough, milliseconds, or Infinity. */
  get next(): number {
    for (const until of this.#flows.values()) return until
    return Number.POSITIVE_INFINITY
  }

  /** One waits from now on, whether or not it did before. */
  add(flow: Flow, now: number): void {
    this.#flows.delete(flow)
    this.#flows.set(flow, now + this.#time)
  }

  delete(flow: Flow): void {
    this.#flows.delete(flow)
  }

  /** One that has waited long enough, and waits no more. */
  take(now: number): Flow | undefined {
    for (const [flow, until] of this.#flows) {
      if (until > now) return undefined
      this.#flows.delete(flow)
      return flow
    }
    return undefined
  }
}
