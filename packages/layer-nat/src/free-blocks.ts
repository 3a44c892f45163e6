import type { Random } from '@millrace/core'

/** A set of numbers from 0 to `capacity` - 1, from which any may be drawn at random, at the same cost. */
export class FreeBlocks {
  readonly #members: Int32Array
  /** By number: where it is among the members, or -1. */
  readonly #places: Int32Array
  readonly #random: Random
  #length = 0

  constructor(capacity: number, random: Random) {
    this.#members = new Int32Array(capacity)
    this.#places = new Int32Array(capacity).fill(-1)
    this.#random = random
  }

  get length(): number {
    return this.#length
  }

  /** Adds a number that is not in the set. */
  add(block: number): void {
    this.#places[block] = this.#length
    this.#members[this.#length++] = block
  }

  /** Removes this number. False if it was not in the set. */
  remove(block: number): boolean {
    const place = this.#places[block] as number
    if (place < 0) return false
    const last = this.#members[--this.#length] as number
    this.#members[place] = last
    this.#places[last] = place
    this.#places[block] = -1
    return true
  }

  /** Removes any number, and returns it, or -1 if there is none. */
  draw(): number {
    if (this.#length === 0) return -1
    const block = this.#members[this.#random.uint32() % this.#length] as number
    this.remove(block)
    return block
  }
}
