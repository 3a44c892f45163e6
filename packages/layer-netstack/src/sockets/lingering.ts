/** How long what a client has sent may wait for a server that takes nothing, once both have ended. Milliseconds. */
const LINGER = 300_000

/** Flows of which nothing is left but what the server does not take. */
export class Lingering<Flow> {
  /** Until when, in this order. */
  readonly #flows = new Map<Flow, number>()

  /** When the first has waited long enough, milliseconds, or Infinity. */
  get deadline(): number {
    for (const until of this.#flows.values()) return until
    return Number.POSITIVE_INFINITY
  }

  /** One waits from now on, whether or not it did before. */
  add(flow: Flow, now: number): void {
    this.#flows.delete(flow)
    this.#flows.set(flow, now + LINGER)
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
