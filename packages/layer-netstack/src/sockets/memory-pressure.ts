import type { Tcp } from '../tcp/tcp.ts'
import type { TcpFlow } from './tcp-flow.ts'
import type { TcpOutlets } from './tcp-outlet.ts'

/** Between two looks, milliseconds. */
const INTERVAL = 1000
/** Bytes that a flow must have moved since the last look, not to count as stalled. */
const PROGRESS = 16_384
/** Of the memory there is: what is held beyond this is too much, and what one peer may hold then. */
const SHORT = 3 / 4
const SHARE = 1 / 4

/** What one peer has. */
class Holding {
  bytes = 0
  readonly stalled: TcpFlow[] = []
}

/**
 * Sees to it that no peer keeps the buffer memory from the others. While it is short and one peer holds more than a quarter
 * of it, those of that peer's flows end that stand still with something waiting.
 */
export class MemoryPressure {
  readonly #tcp: Tcp
  readonly #outlets: TcpOutlets
  readonly #total: number
  /** When to look next, milliseconds, or Infinity. */
  deadline: number = Number.POSITIVE_INFINITY

  /** `total` is the memory there is, bytes: that of the TCP, in which all that flows hold outside of it counts too. */
  constructor(tcp: Tcp, outlets: TcpOutlets, total: number) {
    this.#tcp = tcp
    this.#outlets = outlets
    this.#total = total
  }

  /** Something could not go on, or is about to begin. */
  notice(now: number): void {
    if (this.deadline === Number.POSITIVE_INFINITY && this.#held > this.#total * SHORT) this.deadline = now + INTERVAL
  }

  /** The flows that are to end. */
  look(flows: Iterable<TcpFlow>, now: number): readonly TcpFlow[] {
    const held = this.#held
    this.deadline = held > this.#total * SHORT ? now + INTERVAL : Number.POSITIVE_INFINITY
    const holdings = new Map<unknown, Holding>()
    let most = new Holding()
    for (const flow of flows) {
      const { owner } = flow.grant
      const holding = holdings.get(owner) ?? new Holding()
      holdings.set(owner, holding)
      const bytes = this.#tcp.memoryOf(flow.handle) + flow.held
      holding.bytes += bytes
      if (this.#isStalled(flow, bytes) && (bytes > 0 || flow.isBlocked)) holding.stalled.push(flow)
      if (holding.bytes > most.bytes) most = holding
    }
    // With all of it gone somebody has to let go, whatever the shares are.
    return held > this.#total || most.bytes > this.#total * SHARE ? most.stalled : []
  }

  /** Whether next to nothing has come through since the last look; what waits here has not. */
  #isStalled(flow: TcpFlow, bytes: number): boolean {
    const moved = flow.sent + flow.received - bytes
    const { movedBefore } = flow
    flow.movedBefore = moved
    return movedBefore !== undefined && moved - movedBefore < PROGRESS
  }

  get #held(): number {
    return this.#tcp.statistics.memory + this.#outlets.held
  }
}
