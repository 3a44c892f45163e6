const NONE = -1

/**
 * Entries 0 to `capacity` - 1 in lists, one for each timeout, the one longest unused first. As all entries of a list
 * wait equally long, the next to expire is always at its head: expiry costs nothing but the removals themselves.
 */
export class ExpiryLists {
  readonly #timeouts: readonly number[]
  readonly #heads: Int32Array
  readonly #tails: Int32Array
  readonly #counts: Int32Array
  readonly #list: Uint8Array
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** When each entry was last used, milliseconds. */
  readonly #used: Float64Array

  /** One list for each timeout, milliseconds. */
  constructor(capacity: number, timeouts: readonly number[]) {
    this.#timeouts = timeouts
    this.#heads = new Int32Array(timeouts.length).fill(NONE)
    this.#tails = new Int32Array(timeouts.length).fill(NONE)
    this.#counts = new Int32Array(timeouts.length)
    this.#list = new Uint8Array(capacity)
    this.#next = new Int32Array(capacity)
    this.#previous = new Int32Array(capacity)
    this.#used = new Float64Array(capacity)
  }

  /** Puts an entry that is in no list at the end of one. `now` must never run backwards. */
  add(entry: number, list: number, now: number): void {
    const tail = this.#tails[list] as number
    this.#previous[entry] = tail
    this.#next[entry] = NONE
    if (tail === NONE) this.#heads[list] = entry
    else this.#next[tail] = entry
    this.#tails[list] = entry
    this.#list[entry] = list
    this.#used[entry] = now
    this.#counts[list] = (this.#counts[list] as number) + 1
  }

  remove(entry: number): void {
    const list = this.#list[entry] as number
    const previous = this.#previous[entry] as number
    const next = this.#next[entry] as number
    if (previous === NONE) this.#heads[list] = next
    else this.#next[previous] = next
    if (next === NONE) this.#tails[list] = previous
    else this.#previous[next] = previous
    this.#counts[list] = (this.#counts[list] as number) - 1
  }

  /** Starts the entry's time anew, in `list`. */
  use(entry: number, list: number, now: number): void {
    this.remove(entry)
    this.add(entry, list, now)
  }

  listOf(entry: number): number {
    return this.#list[entry] as number
  }

  /** When the entry's time last started anew. */
  usedAt(entry: number): number {
    return this.#used[entry] as number
  }

  count(list: number): number {
    return this.#counts[list] as number
  }

  isDue(entry: number, now: number): boolean {
    return (this.#used[entry] as number) + (this.#timeouts[this.#list[entry] as number] as number) <= now
  }

  /** An entry whose time is over, or -1. */
  due(now: number): number {
    for (let list = 0; list < this.#heads.length; list++) {
      const head = this.#heads[list] as number
      if (head !== NONE && this.isDue(head, now)) return head
    }
    return NONE
  }
}
