import { formatAddress, halfSipHash, type Random } from '@millrace/core'
import { ExpiryLists } from '../expiry-lists.ts'
import { FreeList } from '../free-list.ts'
import type { AddressCodec } from './codec.ts'

/** Numbers look like addresses of 64.0.0.0/3: a NAT takes them for those of hosts. They are seen by nobody. */
const BASE = 0x4000_0000
const NUMBER_BITS = 29
/** Looked at before the table is: packets come in runs, and from few at a time. A power of two. */
const RECENT = 1024
/** Addresses known for no more than the packet under way, or a fragment that waits. */
const TRANSIENT = 1024

/**
 * Gives IPv6 addresses a number of 32 bits each, so that tables for IPv4 addresses do for them too. A number lasts as
 * long as somebody holds it; behind those, the numbers last used are kept, and the oldest gives way. Never grows, and
 * never refuses as long as there are no more holders than `capacity`. A place is given out again under another number,
 * so that what still remembers the old one does not mean somebody else.
 */
export class Hosts implements AddressCodec {
  /** The same look-up without making numbers. */
  readonly known: AddressCodec
  /** Four words for each place. */
  readonly #words: Uint32Array
  readonly #numbers: Uint32Array
  readonly #holders: Uint32Array
  readonly #hash: Uint32Array
  /** Place + 1 by bucket; 0 is a free one. */
  readonly #buckets: Int32Array
  readonly #mask: number
  readonly #free: FreeList
  /** Places that nobody holds, the one longest unused first. */
  readonly #idle: ExpiryLists
  /** The low bits of a number are its place. */
  readonly #placeMask: number
  readonly #avoid: ReadonlySet<number>
  readonly #key0: number
  readonly #key1: number
  /** Buckets in which addresses were last found, by a few bits of them. */
  readonly #recent = new Int32Array(RECENT)
  /** Orders those that nobody holds by when they were used. */
  #uses = 0
  /** An address that is being hashed. */
  readonly #hashed = new Int32Array(4)

  /** `avoid` is numbers that mean something else to the tables. */
  constructor(capacity: number, random: Random, avoid: ReadonlySet<number> = new Set()) {
    const places = capacity + TRANSIENT
    const bits = Math.ceil(Math.log2(places))
    this.#placeMask = 2 ** bits - 1
    this.#words = new Uint32Array(places * 4)
    this.#numbers = Uint32Array.from({ length: places }, (_, place) => BASE + place)
    this.#holders = new Uint32Array(places)
    this.#hash = new Uint32Array(places)
    const buckets = 2 ** (bits + 1)
    this.#buckets = new Int32Array(buckets)
    this.#mask = buckets - 1
    this.#free = new FreeList(places)
    this.#idle = new ExpiryLists(places, [0])
    this.#avoid = avoid
    this.#key0 = random.uint32()
    this.#key1 = random.uint32()
    this.known = { read: (view, at) => this.find(view, at), write: (address, to, at) => this.write(address, to, at) }
  }

  /** The number of the address at `at`, a new one if it has none. */
  read(view: DataView, at: number): number {
    let place = this.#find(view, at)
    if (place < 0) place = this.#add(view, at)
    else if (this.#holders[place] === 0) this.#idle.use(place, 0, ++this.#uses)
    return this.#numbers[place] as number
  }

  /** The number of the address at `at`; 0 if it has none. */
  find(view: DataView, at: number): number {
    const place = this.#find(view, at)
    return place < 0 ? 0 : (this.#numbers[place] as number)
  }

  write(address: number, view: DataView, at: number): boolean {
    const place = this.#placeOf(address)
    if (place < 0) return false
    for (let i = 0; i < 4; i++) view.setUint32(at + i * 4, this.#words[place * 4 + i] as number)
    return true
  }

  /** One holder more of a number that is there. */
  hold(address: number): void {
    const place = this.#placeOf(address)
    if (place < 0) return
    const holders = this.#holders[place] as number
    if (holders === 0) this.#idle.remove(place)
    this.#holders[place] = holders + 1
  }

  release(address: number): void {
    const place = this.#placeOf(address)
    const holders = place < 0 ? 0 : (this.#holders[place] as number)
    if (holders === 0) return
    this.#holders[place] = holders - 1
    if (holders === 1) this.#idle.add(place, 0, ++this.#uses)
  }

  /** A number for good. */
  pin(bytes: Uint8Array): number {
    const address = this.read(new DataView(bytes.buffer, bytes.byteOffset, 16), 0)
    this.hold(address)
    return address
  }

  /** The address as text; `?` if the number stands for none. Allocates. */
  nameOf(address: number): string {
    const bytes = new Uint8Array(16)
    return this.write(address, new DataView(bytes.buffer), 0) ? formatAddress(bytes, 0, 6) : '?'
  }

  #placeOf(address: number): number {
    const place = address & this.#placeMask
    return this.#numbers[place] === address ? place : -1
  }

  #find(view: DataView, at: number): number {
    const slot = (view.getUint32(at + 12) ^ view.getUint32(at + 4)) & (RECENT - 1)
    const recent = (this.#buckets[this.#recent[slot] as number] as number) - 1
    if (recent >= 0 && this.#is(recent, view, at)) return recent
    for (let bucket = this.#hashOf(view, at) & this.#mask; ; bucket = (bucket + 1) & this.#mask) {
      const place = (this.#buckets[bucket] as number) - 1
      if (place < 0) return -1
      if (!this.#is(place, view, at)) continue
      this.#recent[slot] = bucket
      return place
    }
  }

  #is(place: number, view: DataView, at: number): boolean {
    const words = this.#words
    return (
      words[place * 4 + 3] === view.getUint32(at + 12) &&
      words[place * 4 + 2] === view.getUint32(at + 8) &&
      words[place * 4 + 1] === view.getUint32(at + 4) &&
      words[place * 4] === view.getUint32(at)
    )
  }

  #add(view: DataView, at: number): number {
    if (this.#free.length === 0) this.#evict()
    const place = this.#free.take()
    for (let i = 0; i < 4; i++) this.#words[place * 4 + i] = view.getUint32(at + i * 4)
    if (this.#avoid.has(this.#numbers[place] as number)) this.#renumber(place)
    const hash = this.#hashOf(view, at)
    this.#hash[place] = hash
    let bucket = hash & this.#mask
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & this.#mask
    this.#buckets[bucket] = place + 1
    this.#idle.add(place, 0, ++this.#uses)
    return place
  }

  #evict(): void {
    const place = this.#idle.due(Number.POSITIVE_INFINITY)
    this.#idle.remove(place)
    const buckets = this.#buckets
    const mask = this.#mask
    let free = (this.#hash[place] as number) & mask
    while (buckets[free] !== place + 1) free = (free + 1) & mask
    // Later ones of the same run move up, unless that would put them before the bucket where their search begins.
    for (let bucket = (free + 1) & mask; buckets[bucket] !== 0; bucket = (bucket + 1) & mask) {
      const home = (this.#hash[(buckets[bucket] as number) - 1] as number) & mask
      if (((bucket - home) & mask) < ((bucket - free) & mask)) continue
      buckets[free] = buckets[bucket] as number
      free = bucket
    }
    buckets[free] = 0
    this.#renumber(place)
    this.#free.release(place)
  }

  #renumber(place: number): void {
    do {
      const next = (this.#numbers[place] as number) - BASE + this.#placeMask + 1
      this.#numbers[place] = BASE + (next % 2 ** NUMBER_BITS)
    } while (this.#avoid.has(this.#numbers[place] as number))
  }

  #hashOf(view: DataView, at: number): number {
    for (let i = 0; i < 4; i++) this.#hashed[i] = view.getInt32(at + i * 4)
    return halfSipHash(this.#key0, this.#key1, this.#hashed, 4)
  }
}
