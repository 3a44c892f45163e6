import type { IpPacket, PacketPool, Random } from '@millrace/core'
import type { Owner } from './accounts.ts'
import { ExpiryList } from './expiry-list.ts'
import { FragmentMap, OVERLAPPING, REPEATED } from './fragment-map.ts'
import { FreeList } from './free-list.ts'
import { HeldFragments } from './held-fragments.ts'
import { TCP } from './protocols.ts'
import { TupleIndex } from './tuple-index.ts'

/** Milliseconds from a datagram's first fragment to its last. */
export const FRAGMENT_LIFETIME = 5000
const LARGEST_PAYLOAD = 65_515

const WAITING = 0
const KNOWN = 1
const REFUSED = 2

export interface FragmentsOptions {
  /** Most datagrams at once. */
  readonly datagrams: number
  readonly pool: PacketPool
  readonly random: Random
  /** Counts held fragments that go no further. */
  readonly drop: (reason: string, packets: number) => void
}

/**
 * The fragmented datagrams of one direction: only the first fragment has ports, so what is found for it is kept for the
 * others, and those that come before it are held (RFC 4787 REQ-14). Everything has a bound, and the oldest datagram gives
 * way to a new one, so that a flood costs what it sends and no more; one sender has a quarter at most. Fragments that
 * overlap are a trick: nothing more of the datagram passes (RFC 1858, RFC 3128, RFC 5722).
 */
export class Fragments {
  readonly #index: TupleIndex
  readonly #free: FreeList
  readonly #ages: ExpiryList
  readonly #map: FragmentMap
  readonly #held: HeldFragments
  readonly #state: Uint8Array
  /** 8-byte units of the whole datagram; 0 before its last fragment has come. */
  readonly #total: Uint16Array
  /** The furthest unit that has come. */
  readonly #furthest: Uint16Array
  readonly #begun: Float64Array
  readonly #senders: (Owner | undefined)[]
  readonly #capacity: number
  readonly #share: number
  readonly #drop: (reason: string, packets: number) => void
  /** What the first fragment has been given, to be read where {@link isKnown}. */
  readonly source: Uint32Array
  readonly destination: Uint32Array
  readonly id: Uint16Array
  /** 1 where it goes back to the inside. */
  readonly turned: Uint8Array

  constructor({ datagrams, pool, random, drop }: FragmentsOptions) {
    this.#index = new TupleIndex(Math.max(datagrams, 1), random.uint32(), random.uint32())
    this.#free = new FreeList(datagrams)
    this.#ages = new ExpiryList(datagrams, FRAGMENT_LIFETIME)
    this.#map = new FragmentMap(datagrams)
    this.#held = new HeldFragments(datagrams, pool)
    this.#state = new Uint8Array(datagrams)
    this.#total = new Uint16Array(datagrams)
    this.#furthest = new Uint16Array(datagrams)
    this.#begun = new Float64Array(datagrams)
    this.#senders = new Array<Owner | undefined>(datagrams).fill(undefined)
    this.#capacity = datagrams
    this.#share = Math.ceil(datagrams / 4)
    this.#drop = drop
    this.source = new Uint32Array(datagrams)
    this.destination = new Uint32Array(datagrams)
    this.id = new Uint16Array(datagrams)
    this.turned = new Uint8Array(datagrams)
  }

  /** Datagrams of which some fragments have come and others have not. */
  get length(): number {
    return this.#capacity - this.#free.length
  }

  /** Notes a fragment and returns the number of its datagram, or why it goes no further. */
  arrive(packet: IpPacket, sender: Owner, now: number): number | string {
    if (this.#capacity === 0) return 'fragment-refused'
    const { view, offset, length, protocol } = packet
    const word = view.getUint16(offset + 6)
    const from = word & 0x1fff
    const isLast = (word & 0x2000) === 0
    const bytes = length - (view.getUint8(offset) & 15) * 4
    if (bytes === 0 || from * 8 + bytes > LARGEST_PAYLOAD || (!isLast && bytes % 8 !== 0)) return 'fragment-invalid'
    // The flags of TCP lie in bytes 8 to 15: no honest sender cuts there.
    if (protocol === TCP && from === 1) return 'fragment-tiny'
    let datagram = this.#index.find(protocol, packet.source4, view.getUint16(offset + 4), packet.destination4, 0)
    if (datagram < 0) datagram = this.#begin(packet, sender, now)
    if (this.#state[datagram] === REFUSED) return 'fragment-refused'
    const end = from + Math.ceil(bytes / 8)
    const total = this.#total[datagram] as number
    const furthest = this.#furthest[datagram] as number
    if ((total > 0 && end > total) || (isLast && (furthest > end || total > end))) {
      return this.refuse(datagram, 'fragment-overlap')
    }
    const seen = this.#map.add(datagram, from, end)
    if (seen === REPEATED) return 'fragment-repeated'
    if (seen === OVERLAPPING) return this.refuse(datagram, 'fragment-overlap')
    if (isLast) this.#total[datagram] = end
    if (end > furthest) this.#furthest[datagram] = end
    return datagram
  }

  isKnown(datagram: number): boolean {
    return this.#state[datagram] === KNOWN
  }

  /** The first fragment has been translated, and looks so. */
  resolve(datagram: number, first: IpPacket, turned: boolean): void {
    this.#state[datagram] = KNOWN
    this.turned[datagram] = turned ? 1 : 0
    this.source[datagram] = first.source4
    this.destination[datagram] = first.destination4
    this.id[datagram] = first.view.getUint16(first.offset + 4)
  }

  /** Nothing more of this datagram is to pass. Returns `reason`. */
  refuse(datagram: number, reason: string): string {
    this.#state[datagram] = REFUSED
    this.#releaseHeld(datagram, 'fragment-refused')
    return reason
  }

  /** Keeps a copy until the first fragment has come; false where there is no room. */
  hold(datagram: number, packet: IpPacket): boolean {
    // The oldest datagrams make room, as long as they are others.
    while (this.#held.isFull && this.#oldest() !== datagram) this.#end(this.#oldest(), 'fragments-exhausted')
    return this.#held.hold(datagram, packet)
  }

  /** Takes out a fragment that was held; the caller releases it. */
  takeHeld(datagram: number): IpPacket | undefined {
    return this.#held.take(datagram)
  }

  /** To be called when a fragment has gone on: forgets the datagram if it was the last one. */
  finish(datagram: number): void {
    const total = this.#total[datagram] as number
    if (total > 0 && this.#map.units(datagram) === total) this.#end(datagram, 'fragment-refused')
  }

  /** Forgets datagrams whose fragments have not all come in time. `Infinity` forgets all. */
  expire(now: number): void {
    for (let datagram = this.#ages.due(now); datagram >= 0; datagram = this.#ages.due(now)) {
      this.#end(datagram, 'fragment-timeout')
    }
  }

  #begin(packet: IpPacket, sender: Owner, now: number): number {
    if (this.#free.length === 0) this.#end(this.#victim(sender), 'fragments-exhausted')
    const datagram = this.#free.take()
    const id = packet.view.getUint16(packet.offset + 4)
    this.#index.insert(datagram, packet.protocol, packet.source4, id, packet.destination4, 0)
    this.#ages.add(datagram, now)
    this.#map.clear(datagram)
    this.#state[datagram] = WAITING
    this.#total[datagram] = 0
    this.#furthest[datagram] = 0
    this.#begun[datagram] = now
    this.#senders[datagram] = sender
    return datagram
  }

  /** In a full table: the oldest datagram of a sender who has more than its share, else the oldest of all. */
  #victim(sender: Owner): number {
    let count = 0
    let oldest = -1
    for (let i = 0; i < this.#capacity; i++) {
      if (this.#senders[i] !== sender) continue
      count++
      if (oldest < 0 || (this.#begun[i] as number) < (this.#begun[oldest] as number)) oldest = i
    }
    return count >= this.#share ? oldest : this.#oldest()
  }

  #oldest(): number {
    return this.#ages.due(Number.POSITIVE_INFINITY)
  }

  #end(datagram: number, reason: string): void {
    this.#releaseHeld(datagram, reason)
    this.#index.remove(datagram)
    this.#ages.remove(datagram)
    this.#senders[datagram] = undefined
    this.#free.release(datagram)
  }

  #releaseHeld(datagram: number, reason: string): void {
    const count = this.#held.count(datagram)
    if (count > 0) this.#drop(reason, count)
    for (let held = this.takeHeld(datagram); held !== undefined; held = this.takeHeld(datagram)) held.release()
  }
}
