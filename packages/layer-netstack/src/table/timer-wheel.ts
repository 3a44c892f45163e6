const SLOTS = 4096
const MASK = SLOTS - 1
const NONE = -1

/**
 * One timer for each of the entries 0 to `capacity` - 1, in slots of a millisecond. Setting one costs the same however
 * many there are. A time beyond the 4 s that the wheel spans comes round early: whoever takes an entry looks at its real
 * deadline and sets it again. So a timer that is always put off, as a retransmission timer is, need not be moved at all.
 */
export class TimerWheel {
  readonly #heads: Int32Array = new Int32Array(SLOTS).fill(NONE)
  /** A bit for each slot that has something in it. */
  readonly #filled: Int32Array = new Int32Array(SLOTS / 32)
  readonly #next: Int32Array
  readonly #previous: Int32Array
  /** The tick each entry waits for; NONE is not set. */
  readonly #ticks: Float64Array
  #count = 0
  /** The slot now being emptied; all that is set lies from here on. */
  #tick: number

  /** `now` in milliseconds; every `now` to come is at least this. */
  constructor(capacity: number, now: number) {
    this.#next = new Int32Array(capacity)
    this.#previous = new Int32Array(capacity)
    this.#ticks = new Float64Array(capacity).fill(NONE)
    this.#tick = Math.floor(now)
  }

  /** When to call {@link take} next, milliseconds, or Infinity. */
  get next(): number {
    return this.#count === 0 ? Number.POSITIVE_INFINITY : this.#tick + this.#distance()
  }

  /** The entry is taken at `at` at the latest, or up to a millisecond later; earlier if it was set to that before. */
  set(entry: number, at: number): void {
    const tick = Math.min(Math.max(Math.ceil(at), this.#tick), this.#tick + MASK)
    const current = this.#ticks[entry] as number
    if (current !== NONE && current <= tick) return
    if (current !== NONE) this.cancel(entry)
    const slot = tick & MASK
    const head = this.#heads[slot] as number
    this.#ticks[entry] = tick
    this.#next[entry] = head
    this.#previous[entry] = NONE
    if (head !== NONE) this.#previous[head] = entry
    this.#heads[slot] = entry
    this.#filled[slot >> 5] = (this.#filled[slot >> 5] as number) | (1 << (slot & 31))
    this.#count++
  }

  cancel(entry: number): void {
    const tick = this.#ticks[entry] as number
    if (tick === NONE) return
    const slot = tick & MASK
    const next = this.#next[entry] as number
    const previous = this.#previous[entry] as number
    if (next !== NONE) this.#previous[next] = previous
    if (previous !== NONE) this.#next[previous] = next
    else this.#heads[slot] = next
    if (this.#heads[slot] === NONE) {
      this.#filled[slot >> 5] = (this.#filled[slot >> 5] as number) & ~(1 << (slot & 31))
    }
    this.#ticks[entry] = NONE
    this.#count--
  }

  /** An entry whose time has come, no longer set, or -1. */
  take(now: number): number {
    const target = Math.floor(now)
    if (this.#count === 0) {
      this.#tick = Math.max(this.#tick, target)
      return NONE
    }
    const due = this.#tick + this.#distance()
    if (due > target) {
      this.#tick = Math.max(this.#tick, target)
      return NONE
    }
    this.#tick = due
    const entry = this.#heads[due & MASK] as number
    this.cancel(entry)
    return entry
  }

  /** From the current slot to the first one with something in it; there must be one. */
  #distance(): number {
    const start = this.#tick & MASK
    // The word of the start is looked at twice: first from its bit on, at last the bits before.
    for (let i = 0; i <= SLOTS / 32; i++) {
      const index = ((start >> 5) + i) & (SLOTS / 32 - 1)
      let word = this.#filled[index] as number
      if (i === 0) word &= -1 << (start & 31)
      if (word === 0) continue
      const slot = index * 32 + (31 - Math.clz32(word & -word))
      return (slot - start) & MASK
    }
    return 0
  }
}
