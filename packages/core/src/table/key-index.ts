import { halfSipHash } from './half-sip-hash.ts'

const LINES = 1024

/**
 * Finds entries 0 to `capacity` - 1 by a key of some 32-bit words. Open addressing with linear probing, at most half full, no
 * tombstones: a look-up costs the same however long the table has been in use. Never grows.
 */
export class KeyIndex {
  /** The keys of all entries, one behind the other. */
  readonly keys: Int32Array
  readonly #words: number
  /** 31 bits by entry; -1 for those that are not in the index. */
  readonly #hash: Int32Array
  /** Entry + 1 by place; 0 is a free one. */
  readonly #places: Int32Array
  readonly #mask: number
  readonly #key0: number
  readonly #key1: number
  /**
   * Entry + 1 that was found last for a key that mixes to this line, and what it mixes to: most packets follow another
   * one of their flow, for which this takes a third of the time. It promises nothing, so it needs no secret: whoever
   * makes keys meet here only has them hashed.
   */
  readonly #recent: Int32Array = new Int32Array(LINES)
  readonly #recentMix: Int32Array = new Int32Array(LINES)

  /** `words` to a key; `key0` and `key1` are 32 random bits each, and secret. */
  constructor(capacity: number, words: number, key0: number, key1: number) {
    this.#words = words
    this.keys = new Int32Array(capacity * words)
    this.#hash = new Int32Array(capacity).fill(-1)
    const places = 2 ** Math.ceil(Math.log2(capacity * 2))
    this.#places = new Int32Array(places)
    this.#mask = places - 1
    this.#key0 = key0
    this.#key1 = key1
  }

  /** The entry with this key, or -1. */
  find(key: Int32Array): number {
    const mixed = mix(key, this.#words)
    const line = mixed & (LINES - 1)
    if (this.#recentMix[line] === mixed) {
      const recent = (this.#recent[line] as number) - 1
      if (recent >= 0 && (this.#hash[recent] as number) >= 0 && this.#has(recent, key)) return recent
    }
    const entry = this.#search(key)
    if (entry >= 0) {
      this.#recent[line] = entry + 1
      this.#recentMix[line] = mixed
    }
    return entry
  }

  /** Adds `entry`, which must not be in the index, under a key that no other has. */
  insert(entry: number, key: Int32Array): void {
    for (let i = 0, at = entry * this.#words; i < this.#words; i++) this.keys[at + i] = key[i] as number
    const hash = this.#hashOf(key)
    this.#hash[entry] = hash
    let place = hash & this.#mask
    while (this.#places[place] !== 0) place = (place + 1) & this.#mask
    this.#places[place] = entry + 1
  }

  /** Takes `entry`, which must be in the index, out of it. */
  remove(entry: number): void {
    const places = this.#places
    const mask = this.#mask
    let free = (this.#hash[entry] as number) & mask
    while (places[free] !== entry + 1) free = (free + 1) & mask
    // Later entries of the same run move up, unless that would put them before the place where their search begins.
    for (let place = (free + 1) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const home = (this.#hash[(places[place] as number) - 1] as number) & mask
      if (((place - home) & mask) < ((place - free) & mask)) continue
      places[free] = places[place] as number
      free = place
    }
    places[free] = 0
    this.#hash[entry] = -1
  }

  #search(key: Int32Array): number {
    const places = this.#places
    let place = this.#hashOf(key) & this.#mask
    for (;;) {
      const entry = (places[place] as number) - 1
      if (entry < 0 || this.#has(entry, key)) return entry
      place = (place + 1) & this.#mask
    }
  }

  #has(entry: number, key: Int32Array): boolean {
    const at = entry * this.#words
    for (let i = this.#words - 1; i >= 0; i--) if (this.keys[at + i] !== key[i]) return false
    return true
  }

  #hashOf(key: Int32Array): number {
    return halfSipHash(this.#key0, this.#key1, key, this.#words) & 0x7fff_ffff
  }
}

/** Much faster than the hash, and easy to foresee. */
function mix(words: Int32Array, count: number): number {
  let mixed = 0
  for (let i = 0; i < count; i++) mixed = ((mixed << 7) | (mixed >>> 25)) ^ (words[i] as number)
  mixed = Math.imul(mixed, 0x9e37_79b1)
  return mixed ^ (mixed >>> 15)
}
