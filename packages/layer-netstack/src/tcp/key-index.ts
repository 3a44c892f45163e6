import { KEY_WORDS } from './connection-key.ts'
import { hashWords } from './half-sip-hash.ts'

/**
 * Finds connections 0 to `capacity` - 1 by their key. Open addressing with linear probing, at most half full, no
 * tombstones: a look-up costs the same however long the table has been in use. Never grows.
 */
export class KeyIndex {
  /** The keys of all connections, one behind the other. */
  readonly keys: Int32Array
  readonly #hash: Uint32Array
  /** Connection + 1 by place; 0 is a free one. */
  readonly #places: Int32Array
  readonly #mask: number
  readonly #key0: number
  readonly #key1: number

  /** `key0` and `key1` are 32 random bits each, and secret. */
  constructor(capacity: number, key0: number, key1: number) {
    this.keys = new Int32Array(capacity * KEY_WORDS)
    this.#hash = new Uint32Array(capacity)
    const places = 2 ** Math.ceil(Math.log2(capacity * 2))
    this.#places = new Int32Array(places)
    this.#mask = places - 1
    this.#key0 = key0
    this.#key1 = key1
  }

  /** The connection with this key, or -1. */
  find(key: Int32Array): number {
    const places = this.#places
    let place = this.#hashOf(key) & this.#mask
    for (;;) {
      const entry = (places[place] as number) - 1
      if (entry < 0 || this.#has(entry, key)) return entry
      place = (place + 1) & this.#mask
    }
  }

  /** Adds `entry`, which must not be in the index, under a key that no other has. */
  insert(entry: number, key: Int32Array): void {
    for (let i = 0; i < KEY_WORDS; i++) this.keys[entry * KEY_WORDS + i] = key[i] as number
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
  }

  #has(entry: number, key: Int32Array): boolean {
    const at = entry * KEY_WORDS
    for (let i = KEY_WORDS - 1; i >= 0; i--) if (this.keys[at + i] !== key[i]) return false
    return true
  }

  #hashOf(key: Int32Array): number {
    return hashWords(this.#key0, this.#key1, key, KEY_WORDS)
  }
}
