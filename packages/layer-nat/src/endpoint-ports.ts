import type { Random } from '@millrace/core'

/**
 * Ports of one protocol, each held by one mapping at most, of which any part may be asked for: where each peer has a part
 * of its own. A port given back rests for a while (RFC 6888 REQ-8).
 */
export class EndpointPorts {
  readonly #first: number
  /** From when on each port is free, milliseconds: +Infinity while it is held, and always if it is reserved. */
  readonly #freeFrom: Float64Array
  readonly #rest: number
  readonly #random: Random
  readonly #capacity: number
  #held = 0

  /** `rest` in milliseconds. `isReserved` tells which ports are never given. */
  constructor(first: number, count: number, isReserved: (port: number) => boolean, rest: number, random: Random) {
    this.#first = first
    this.#freeFrom = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
    this.#rest = rest
    this.#random = random
    let capacity = count
    for (let i = 0; i < count; i++) {
      if (!isReserved(first + i)) continue
      this.#freeFrom[i] = Number.POSITIVE_INFINITY
      capacity--
    }
    this.#capacity = capacity
  }

  get capacity(): number {
    return this.#capacity
  }

  get held(): number {
    return this.#held
  }

  /** Holds one of `size` ports from `from` on that are free: from a random start, the next (RFC 6056 §3.3.1). -1 if none is. */
  take(from: number, size: number, now: number): number {
    const base = from - this.#first
    const start = this.#random.uint32() % size
    for (let i = 0; i < size; i++) {
      const place = base + ((start + i) % size)
      if ((this.#freeFrom[place] as number) <= now) return this.#hold(place)
    }
    return -1
  }

  /** Holds the one that rests and has done so longest, or returns -1. */
  takeResting(from: number, size: number): number {
    const base = from - this.#first
    let oldest = base
    for (let place = base; place < base + size; place++) {
      if ((this.#freeFrom[place] as number) < (this.#freeFrom[oldest] as number)) oldest = place
    }
    return this.#freeFrom[oldest] === Number.POSITIVE_INFINITY ? -1 : this.#hold(oldest)
  }

  /** Holds this very port. False if it is not to be had. */
  claim(port: number, now: number): boolean {
    const place = port - this.#first
    // Beyond the ports there are, this compares with undefined.
    if (!((this.#freeFrom[place] as number) <= now)) return false
    this.#hold(place)
    return true
  }

  /** Gives back a port that was held. */
  release(port: number, now: number): void {
    this.#held--
    this.#freeFrom[port - this.#first] = now + this.#rest
  }

  #hold(place: number): number {
    this.#freeFrom[place] = Number.POSITIVE_INFINITY
    this.#held++
    return this.#first + place
  }
}
