const NONE = -1

/**
 * Entries 0 to `capacity` - 1 in a list, the one longest unused first. As all of them wait equally long, the next to expire
 * is always at the head: expiry costs nothing but the removals themselves.
 */
export class ExpiryList {
  readonly #timeout: number
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** When each entry was last used, milliseconds. */
  readonly #used: Float64Array
  #head = NONE
  #tail = NONE

  /** `timeout` in milliseconds. */
  constructor(capacity: number, timeout: number) {
    this.#timeout = timeout
    this.#next = new Int32Array(capacity)
    this.#previous = new Int32Array(capacity)
    this.#used = new Float64Array(capacity)
  }

  /** Puts an entry that is not in the list at its end. `now` must never run backwards. */
  add(entry: number, now: number): void {
    const tail = this.#tail
    this.#previous[entry] = tail
    this.#next[entry] = NONE
    if (tail === NONE) this.#head = entry
    else this.#next[tail] = entry
    this.#tail = entry
    this.#used[entry] = now
  }

  remove(entry: number): void {
    const previous = this.#previous[entry] as number
    const next = this.#next[entry] as number
    if (previous === NONE) this.#head = next
    else this.#next[previous] = next
    if (next === NONE) this.#tail = previous
    else this.#previous[next] = previous
  }

  /** Starts the entry's time anew. */
  use(entry: number, now: number): void {
    this.remove(entry)
    this.add(entry, now)
  }

  /** An entry whose time is over, or -1. */
  due(now: number): number {
    const head = this.#head
    return head !== NONE && (this.#used[head] as number) + this.#timeout <= now ? head : NONE
  }
}
