import { isIPv6 } from 'node:net'
import { formatAddress, KeyIndex, parseAddress, type Random } from '@millrace/core'
import { ExpiryList } from '../expiry-list.ts'
import { FreeList } from '../free-list.ts'
import type { AddressCodec } from './codec.ts'

/** Numbers look like addresses of 64.0.0.0/3: a NAT takes them for those of hosts. They are seen by nobody. */
const BASE = 0x4000_0000
const NUMBER_BITS = 29
/** Words of an address. */
const WORDS = 4
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
  readonly #index: KeyIndex
  /** By place. */
  readonly #numbers: Uint32Array
  readonly #holders: Uint32Array
  readonly #free: FreeList
  /** Places that nobody holds, the one longest unused first. */
  readonly #idle: ExpiryList
  /** The low bits of a number are its place. */
  readonly #placeMask: number
  readonly #avoid: ReadonlySet<number>
  /** Orders those that nobody holds by when they were used. */
  #uses = 0
  /** The address that is looked for. */
  readonly #key = new Int32Array(WORDS)

  /** `avoid` is numbers that mean something else to the tables. */
  constructor(capacity: number, random: Random, avoid: ReadonlySet<number> = new Set()) {
    const places = capacity + TRANSIENT
    const bits = Math.ceil(Math.log2(places))
    this.#placeMask = 2 ** bits - 1
    this.#index = new KeyIndex(places, WORDS, random.uint32(), random.uint32())
    this.#numbers = Uint32Array.from({ length: places }, (_, place) => BASE + place)
    this.#holders = new Uint32Array(places)
    this.#free = new FreeList(places)
    this.#idle = new ExpiryList(places, 0)
    this.#avoid = avoid
    this.known = { read: (view, at) => this.find(view, at), write: (address, to, at) => this.write(address, to, at) }
  }

  /** The number of the address at `at`, a new one if it has none. */
  read(view: DataView, at: number): number {
    let place = this.#find(view, at)
    if (place < 0) place = this.#add()
    else if (this.#holders[place] === 0) this.#idle.use(place, ++this.#uses)
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
    for (let i = 0; i < WORDS; i++) view.setInt32(at + i * 4, this.#index.keys[place * WORDS + i] as number)
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
    if (holders === 1) this.#idle.add(place, ++this.#uses)
  }

  /** A number for good. */
  pin(bytes: Uint8Array): number {
    const address = this.#numberOf(bytes)
    this.hold(address)
    return address
  }

  /** The number of an address in its text form, a new one if it has none; -1 if the text is no IPv6 address. Allocates. */
  readText(text: string): number {
    return isIPv6(text) && !text.includes('%') ? this.#numberOf(parseAddress(text).bytes) : -1
  }

  /** The address as text; `?` if the number stands for none. Allocates. */
  nameOf(address: number): string {
    const bytes = new Uint8Array(16)
    return this.write(address, new DataView(bytes.buffer), 0) ? formatAddress(bytes, 0, 6) : '?'
  }

  #numberOf(bytes: Uint8Array): number {
    return this.read(new DataView(bytes.buffer, bytes.byteOffset, 16), 0)
  }

  #placeOf(address: number): number {
    const place = address & this.#placeMask
    return this.#numbers[place] === address ? place : -1
  }

  #find(view: DataView, at: number): number {
    for (let i = 0; i < WORDS; i++) this.#key[i] = view.getInt32(at + i * 4)
    return this.#index.find(this.#key)
  }

  /** A place for the address that was looked for last. */
  #add(): number {
    if (this.#free.length === 0) this.#evict()
    const place = this.#free.take()
    if (this.#avoid.has(this.#numbers[place] as number)) this.#renumber(place)
    this.#index.insert(place, this.#key)
    this.#idle.add(place, ++this.#uses)
    return place
  }

  #evict(): void {
    const place = this.#idle.due(Number.POSITIVE_INFINITY)
    this.#idle.remove(place)
    this.#index.remove(place)
    this.#renumber(place)
    this.#free.release(place)
  }

  #renumber(place: number): void {
    do {
      const next = (this.#numbers[place] as number) - BASE + this.#placeMask + 1
      this.#numbers[place] = BASE + (next % 2 ** NUMBER_BITS)
    } while (this.#avoid.has(this.#numbers[place] as number))
  }
}
