const NONE = -1

/** Some numbered slots, of which the next one in use is found 32 at a time. A power of two of them, 32 or more. */
export class Slots {
  /** What is first in each slot, or -1. */
  readonly first: Int32Array
  readonly #used: Int32Array

  constructor(count: number) {
    this.first = new Int32Array(count).fill(NONE)
    this.#used = new Int32Array(count / 32)
  }

  set(slot: number, entry: number): void {
    this.first[slot] = entry
    const bit = 1 << (slot & 31)
    const word = this.#used[slot >> 5] as number
    this.#used[slot >> 5] = entry === NONE ? word & ~bit : word | bit
  }

  /** The first slot in use from `start` to before `end`, or -1. */
  next(start: number, end: number): number {
    for (let slot = start; slot < end; slot = (slot | 31) + 1) {
      const word = (this.#used[slot >> 5] as number) & (-1 << (slot & 31))
      if (word === 0) continue
      const found = (slot & ~31) + 31 - Math.clz32(word & -word)
      return found < end ? found : NONE
    }
    return NONE
  }
}
