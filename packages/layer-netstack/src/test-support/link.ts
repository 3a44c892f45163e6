import { type NetworkConditions, SeededRandom, type VirtualClock } from '@millrace/core/testing'

export interface LinkOptions extends Partial<NetworkConditions> {
  readonly seed?: number
  /** Bytes a millisecond; what does not fit waits in a queue. Default no limit. */
  readonly rate?: number
  /** Milliseconds of waiting at which the queue is full and packets are lost. Default 100. */
  readonly queue?: number
}

/** One way of a network between two hosts: the conditions of `SimulatedNetwork`, for IP packets, and a bottleneck. */
export class Link {
  conditions: NetworkConditions
  /** Sees each packet before anything happens to it; false loses it. */
  inspect: ((bytes: Uint8Array) => boolean) | undefined
  sent = 0
  lost = 0
  bytes = 0
  readonly #clock: VirtualClock
  readonly #random: SeededRandom
  readonly #rate: number
  readonly #queue: number
  readonly #deliver: (bytes: Uint8Array) => void
  #freeAt = 0

  constructor(clock: VirtualClock, deliver: (bytes: Uint8Array) => void, options: LinkOptions = {}) {
    const { seed = 1, rate = Number.POSITIVE_INFINITY, queue = 100, ...conditions } = options
    this.#clock = clock
    this.#deliver = deliver
    this.#random = new SeededRandom(seed)
    this.#rate = rate
    this.#queue = queue
    this.conditions = { delay: 0, jitter: 0, loss: 0, duplication: 0, corruption: 0, reordering: 0, ...conditions }
  }

  send(bytes: Uint8Array): void {
    this.sent++
    this.bytes += bytes.length
    if (this.inspect?.(bytes) === false) {
      this.lost++
      return
    }
    const { duplication, loss } = this.conditions
    for (let copies = this.#random.chance(duplication) ? 2 : 1; copies > 0; copies--) {
      const wait = this.#wait(bytes.length)
      if (wait > this.#queue || this.#random.chance(loss)) this.lost++
      else this.#clock.setTimer(wait + this.#delay(), () => this.#deliver(this.#corrupted(bytes)))
    }
  }

  #wait(length: number): number {
    if (this.#rate === Number.POSITIVE_INFINITY) return 0
    const now = this.#clock.now()
    const start = Math.max(this.#freeAt, now)
    if (start - now <= this.#queue) this.#freeAt = start + length / this.#rate
    return start - now
  }

  #delay(): number {
    const { delay, jitter, reordering } = this.conditions
    const once = delay + jitter * this.#random.fraction()
    return this.#random.chance(reordering) ? once + delay + jitter : once
  }

  #corrupted(bytes: Uint8Array): Uint8Array {
    if (!this.#random.chance(this.conditions.corruption)) return bytes
    const copy = bytes.slice()
    const bit = this.#random.uint32() % (bytes.length * 8)
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
    return copy
  }
}
