/** An address as four words of a key, and a port. */
const WORDS = 5

/** The remote ends that somebody has sent to, a bounded number: the one not sent to for longest is forgotten first. */
export class Contacts {
  readonly #limit: number
  #ends: Int32Array = new Int32Array(WORDS)
  /** When each was last sent to. */
  #used: Float64Array = new Float64Array(1)
  #count = 0
  /** The one last found, which is mostly the next one sought. */
  #last = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  clear(): void {
    this.#count = 0
    this.#last = 0
    if (this.#used.length === 1) return
    this.#ends = new Int32Array(WORDS)
    this.#used = new Float64Array(1)
  }

  /** Something is sent to the end whose address stands at the begin of `key`. True if it is a new one. */
  note(key: Int32Array, port: number, now: number): boolean {
    const known = this.#find(key, port)
    if (known >= 0) {
      this.#used[known] = now
      return false
    }
    const place = this.#count < this.#limit ? this.#append() : this.#oldest()
    const at = place * WORDS
    for (let i = 0; i < 4; i++) this.#ends[at + i] = key[i] as number
    this.#ends[at + 4] = port
    this.#used[place] = now
    this.#last = place
    return true
  }

  /** Whether something has been sent to this end; with port -1, to any port of this address. */
  has(key: Int32Array, port: number): boolean {
    return this.#find(key, port) >= 0
  }

  /** Takes it out again. */
  forget(key: Int32Array, port: number): void {
    const place = this.#find(key, port)
    if (place < 0) return
    const last = --this.#count
    this.#ends.copyWithin(place * WORDS, last * WORDS, (last + 1) * WORDS)
    this.#used[place] = this.#used[last] as number
    this.#last = 0
  }

  #find(key: Int32Array, port: number): number {
    if (this.#last < this.#count && this.#is(this.#last, key, port)) return this.#last
    for (let place = 0; place < this.#count; place++) {
      if (!this.#is(place, key, port)) continue
      this.#last = place
      return place
    }
    return -1
  }

  #is(place: number, key: Int32Array, port: number): boolean {
    const at = place * WORDS
    if (port >= 0 && this.#ends[at + 4] !== port) return false
    for (let i = 3; i >= 0; i--) if (this.#ends[at + i] !== key[i]) return false
    return true
  }

  #append(): number {
    if (this.#count === this.#used.length) {
      const size = Math.min(this.#count * 4, this.#limit)
      const [ends, used] = [this.#ends, this.#used]
      this.#ends = new Int32Array(size * WORDS)
      this.#used = new Float64Array(size)
      this.#ends.set(ends)
      this.#used.set(used)
    }
    return this.#count++
  }

  #oldest(): number {
    let oldest = 0
    for (let i = 1; i < this.#count; i++) if ((this.#used[i] as number) < (this.#used[oldest] as number)) oldest = i
    return oldest
  }
}
