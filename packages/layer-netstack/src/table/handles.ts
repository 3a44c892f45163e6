/**
 * Handles of the entries of a table: the number of the entry with a count of its uses above it, so that one that is too old
 * is no other's. Never negative.
 */
export class Handles {
  readonly #bits: number
  readonly #uses: Int32Array

  constructor(capacity: number) {
    this.#bits = Math.max(Math.ceil(Math.log2(capacity)), 1)
    this.#uses = new Int32Array(capacity)
  }

  /** For another use of an entry. */
  next(index: number): number {
    const uses = ((this.#uses[index] as number) + 1) & (2 ** (31 - this.#bits) - 1)
    this.#uses[index] = uses
    return (uses << this.#bits) | index
  }

  /** The entry that a handle was made for, whatever has become of it. */
  indexOf(handle: number): number {
    return handle & (2 ** this.#bits - 1)
  }
}
