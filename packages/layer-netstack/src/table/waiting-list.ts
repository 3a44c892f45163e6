const NONE = -1

/** Entries 0 to `capacity` - 1 in the order they were added; any of them may be taken out. */
export class WaitingList {
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #isIn: Uint8Array
  #head = NONE
  #tail = NONE

  constructor(capacity: number) {
    this.#next = new Int32Array(capacity)
    this.#previous = new Int32Array(capacity)
    this.#isIn = new Uint8Array(capacity)
  }

  /** The one that has been in it longest, or -1. */
  get first(): number {
    return this.#head
  }

  /** Puts it at the end, wherever it was before. */
  add(entry: number): void {
    this.remove(entry)
    this.#isIn[entry] = 1
    this.#next[entry] = NONE
    this.#previous[entry] = this.#tail
    if (this.#tail === NONE) this.#head = entry
    else this.#next[this.#tail] = entry
    this.#tail = entry
  }

  /** Takes it out, if it is in. */
  remove(entry: number): void {
    if (this.#isIn[entry] === 0) return
    this.#isIn[entry] = 0
    const next = this.#next[entry] as number
    const previous = this.#previous[entry] as number
    if (previous === NONE) this.#head = next
    else this.#next[previous] = next
    if (next === NONE) this.#tail = previous
    else this.#previous[next] = previous
  }
}
