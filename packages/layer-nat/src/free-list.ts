/** Numbers 0 to `capacity` - 1 to be taken and given back, the one given back last first: its memory is still warm. */
export class FreeList {
  readonly #free: Int32Array
  #length: number

  constructor(capacity: number) {
    const free = new Int32Array(capacity)
    for (let i = 0; i < capacity; i++) free[i] = capacity - 1 - i
    this.#free = free
    this.#length = capacity
  }

  get length(): number {
    return this.#length
  }

  /** A free number, or -1. */
  take(): number {
    return this.#length === 0 ? -1 : (this.#free[--this.#length] as number)
  }

  release(entry: number): void {
    this.#free[this.#length++] = entry
  }
}
