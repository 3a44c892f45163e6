import { halfSipHash } from './half-sip-hash.ts'

const LINE_BITS = 10
/** Keys of one batch whose look-ups are prepared together. */
const EXPECTED = 256

/** Where an owner keeps the keys, among whatever else belongs to an entry: that of `entry` is at `start + entry * stride`. */
export interface KeyRows {
  readonly words: Int32Array
  readonly start: number
  readonly stride: number
}

/**
 * Finds entries 0 to `capacity` - 1 by a key of some 32-bit words. Open addressing with linear probing, at most half full, no
 * tombstones: a look-up costs the same however long the table has been in use. Never grows.
 *
 * A place holds the hash beside the entry, so that a search reads the key of no other entry than the right one.
 */
export class KeyIndex {
  /** The keys of all entries, one behind the other unless the owner keeps them. */
  readonly keys: Int32Array
  readonly #words: number
  readonly #start: number
  readonly #stride: number
  /** Two words each: entry + 1, or 0 where the place is free, and the hash. */
  readonly #places: Int32Array
  readonly #mask: number
  readonly #key0: number
  readonly #key1: number
  /**
   * Two words each: what a key mixes to that mixes to this line, and entry + 1 that was found last for it. Most packets
   * follow another one of their flow, for which this takes a third of the time. It promises nothing, so it needs no
   * secret: whoever makes keys meet here only has them hashed.
   */
  readonly #recent: Int32Array = new Int32Array(2 << LINE_BITS)
  /** Two words each, of keys that are expected: what it mixes to, and the hash or, from then on, the entry. */
  readonly #expected: Int32Array = new Int32Array(EXPECTED * 2)
  #expectations = 0
  /** The key of an entry that is taken out. */
  readonly #removed: Int32Array
  /** Of all that was read ahead, or else a compiler would see that nobody needs it. */
  #read = 0

  /** `words` to a key; `key0` and `key1` are 32 random bits each, and secret. Without `rows` keys are kept here. */
  constructor(capacity: number, words: number, key0: number, key1: number, rows?: KeyRows) {
    this.#words = words
    this.keys = rows?.words ?? new Int32Array(capacity * words)
    this.#start = rows?.start ?? 0
    this.#stride = rows?.stride ?? words
    this.#removed = new Int32Array(words)
    const places = 2 ** Math.ceil(Math.log2(capacity * 2))
    this.#places = new Int32Array(places * 2)
    this.#mask = places - 1
    this.#key0 = key0
    this.#key1 = key1
  }

  /** The entry with this key, or -1. */
  find(key: Int32Array): number {
    const recent = this.#recent
    const mixed = mix(key, this.#words)
    const line = lineOf(mixed)
    if (recent[line] === mixed) {
      const entry = (recent[line + 1] as number) - 1
      if (entry >= 0 && this.#has(entry, key)) return entry
    }
    const entry = this.#search(key)
    if (entry >= 0) this.#remember(mixed, entry)
    return entry
  }

  /** A key that is about to be looked up; `fetch` when all of a batch are known. */
  expect(key: Int32Array): void {
    const mixed = mix(key, this.#words)
    if (this.#recent[lineOf(mixed)] === mixed || this.#expectations === EXPECTED) return
    // Those behind it in the batch need not expect it again.
    this.#remember(mixed, -1)
    const at = this.#expectations++ * 2
    this.#expected[at] = mixed
    this.#expected[at + 1] = this.#hashOf(key)
  }

  /**
   * Reads what the look-ups of the expected keys will read. One look-up behind the other waits for memory each time; here
   * none depends on another, and each loop does little else, so that the processor has many under way at a time.
   */
  fetch(): void {
    const expected = this.#expected
    const end = this.#expectations * 2
    let read = 0
    for (let at = 0; at < end; at += 2) read ^= this.#places[((expected[at + 1] as number) & this.#mask) * 2] as number
    for (let at = 0; at < end; at += 2) expected[at + 1] = this.#like(expected[at + 1] as number)
    for (let at = 0; at < end; at += 2) {
      const entry = expected[at + 1] as number
      if (entry >= 0) read ^= this.keys[this.#start + entry * this.#stride] as number
    }
    for (let at = 0; at < end; at += 2) this.#remember(expected[at] as number, expected[at + 1] as number)
    this.#expectations = 0
    this.#read = (this.#read ^ read) & 1
  }

  /** Adds `entry`, which must not be in the index, under a key that no other has. */
  insert(entry: number, key: Int32Array): void {
    const places = this.#places
    for (let i = 0, at = this.#start + entry * this.#stride; i < this.#words; i++) this.keys[at + i] = key[i] as number
    const hash = this.#hashOf(key)
    let place = hash & this.#mask
    while (places[place * 2] !== 0) place = (place + 1) & this.#mask
    places[place * 2] = entry + 1
    places[place * 2 + 1] = hash
  }

  /** Takes `entry`, which must be in the index, out of it. Its key stays until it is inserted anew. */
  remove(entry: number): void {
    const places = this.#places
    const mask = this.#mask
    const key = this.#removed
    for (let i = 0, at = this.#start + entry * this.#stride; i < this.#words; i++) key[i] = this.keys[at + i] as number
    this.#forget(entry, key)
    let free = this.#hashOf(key) & mask
    while (places[free * 2] !== entry + 1) free = (free + 1) & mask
    // Later entries of the same run move up, unless that would put them before the place where their search begins.
    for (let place = (free + 1) & mask; places[place * 2] !== 0; place = (place + 1) & mask) {
      const hash = places[place * 2 + 1] as number
      if (((place - hash) & mask) < ((place - free) & mask)) continue
      places[free * 2] = places[place * 2] as number
      places[free * 2 + 1] = hash
      free = place
    }
    places[free * 2] = 0
  }

  #search(key: Int32Array): number {
    const places = this.#places
    const hash = this.#hashOf(key)
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const entry = (places[place * 2] as number) - 1
      if (entry < 0 || (places[place * 2 + 1] === hash && this.#has(entry, key))) return entry
    }
  }

  /** The first entry with this hash, or -1. */
  #like(hash: number): number {
    const places = this.#places
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const entry = (places[place * 2] as number) - 1
      if (entry < 0 || places[place * 2 + 1] === hash) return entry
    }
  }

  #has(entry: number, key: Int32Array): boolean {
    const at = this.#start + entry * this.#stride
    for (let i = this.#words - 1; i >= 0; i--) if (this.keys[at + i] !== key[i]) return false
    return true
  }

  #remember(mixed: number, entry: number): void {
    const line = lineOf(mixed)
    this.#recent[line] = mixed
    this.#recent[line + 1] = entry + 1
  }

  /** One that is no longer there must not be found by the key that it still has. */
  #forget(entry: number, key: Int32Array): void {
    const line = lineOf(mix(key, this.#words))
    if (this.#recent[line + 1] === entry + 1) this.#recent[line + 1] = 0
  }

  #hashOf(key: Int32Array): number {
    return halfSipHash(this.#key0, this.#key1, key, this.#words)
  }
}

/** Where the words of a line begin: by the highest bits, as to these all bits of the key have come. */
function lineOf(mixed: number): number {
  return (mixed >>> (32 - LINE_BITS)) * 2
}

/** Much faster than the hash, and easy to foresee. */
function mix(words: Int32Array, count: number): number {
  let mixed = 0
  for (let i = 0; i < count; i++) mixed = ((mixed << 7) | (mixed >>> 25)) ^ (words[i] as number)
  return Math.imul(mixed, 0x9e37_79b1)
}
