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
  /** Nothing is due before: mostly spares a look at all lists. */
  #soonest = Number.POSITIVE_INFINITY

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
    const due = now + (this.#timeouts[list] as number)
    if (due < this.#soonest) this.#soonest = due
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
    // Most packets follow another one of their flow, or of the same batch: then it stands where it must already.
    if (this.#list[entry] === list && (this.#next[entry] === NONE || this.#used[entry] === now)) {
      this.#used[entry] = now
      return
    }
    this.remove(entry)
    this.add(entry, list, now)
  }

  /** Puts entries that are in no list where they belong in one by when they were last used, the earliest first. */
  merge(list: number, entries: readonly number[], usedAt: (entry: number) => number): void {
    this.#soonest = Number.NEGATIVE_INFINITY
    let behind = this.#tails[list] as number
    for (const entry of entries.toReversed()) {
      const used = usedAt(entry)
      while (behind !== NONE && (this.#used[behind] as number) > used) behind = this.#previous[behind] as number
      const next = (behind === NONE ? this.#heads[list] : this.#next[behind]) as number
      this.#previous[entry] = behind
      this.#next[entry] = next
      if (behind === NONE) this.#heads[list] = entry
      else this.#next[behind] = entry
      if (next === NONE) this.#tails[list] = entry
      else this.#previous[next] = entry
      this.#list[entry] = list
      this.#used[entry] = used
      this.#counts[list] = (this.#counts[list] as number) + 1
    }
  }

  /** How long entries of a list wait, milliseconds. */
  timeout(list: number): number {
    return this.#timeouts[list] as number
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
    if (now < this.#soonest) return NONE
    let soonest = Number.POSITIVE_INFINITY
    for (let list = 0; list < this.#heads.length; list++) {
      const head = this.#heads[list] as number
      if (head === NONE) continue
      if (this.isDue(head, now)) return head
      soonest = Math.min(soonest, (this.#used[head] as number) + (this.#timeouts[list] as number))
    }
    this.#soonest = soonest
    return NONE
  }
}
