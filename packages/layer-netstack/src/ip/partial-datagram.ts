import type { IpPacket } from '@millrace/core'
import { Flow } from '../table/flow-table.ts'
import type { Fragment } from './fragment.ts'
import { standsAt } from './same-bytes.ts'

/** Fragments of one datagram: 64 KB at the smallest MTU of IPv4 (576) are 119 of them. */
const MOST_FRAGMENTS = 128
/** What a fragment costs besides its bytes. */
const OVERHEAD = 256

interface Piece {
  readonly from: number
  readonly bytes: Uint8Array
}

/** A datagram of which some fragments have come and others have not. */
export class PartialDatagram extends Flow {
  /** In the order of their bytes, none overlapping another. */
  readonly #pieces: Piece[] = []
  /** Bytes of payload that have come. */
  #received = 0
  /** Bytes of payload in all; 0 while the last fragment has not come. */
  #total = 0
  /** The fragment with the first bytes, headers and all. */
  first: Uint8Array | undefined
  /** Of the first: bytes in front of the fragment header or, in IPv4, of the header. */
  header = 0
  nextHeader = 0
  nextHeaderAt = 0
  /** Bytes of memory that count for it. */
  cost = 0
  /** Nothing more of it is taken. */
  refused = false

  /** Fragments held. */
  get count(): number {
    return this.#pieces.length
  }

  get isComplete(): boolean {
    return this.#total > 0 && this.#received === this.#total
  }

  /** Bytes of payload. */
  get size(): number {
    return this.#total
  }

  clear(): void {
    this.#pieces.length = 0
    this.#received = 0
    this.#total = 0
    this.first = undefined
    this.cost = 0
    this.refused = false
  }

  /** What `add` would cost. */
  costOf(packet: IpPacket, fragment: Fragment): number {
    return OVERHEAD + (fragment.from === 0 ? packet.length : fragment.length)
  }

  /** Why the fragment cannot become part of it, or undefined: then `add` takes it. */
  judge(packet: IpPacket, fragment: Fragment): Misfit | undefined {
    const end = fragment.from + fragment.length
    if (this.#total > 0 && (end > this.#total || (end === this.#total) !== fragment.isLast)) return 'fragment-overlap'
    if (fragment.isLast && end < this.#furthest) return 'fragment-overlap'
    const next = this.#pieces[this.#placeOf(fragment.from)]
    const before = this.#pieces[this.#placeOf(fragment.from) - 1]
    if (next?.from === fragment.from && isRepeated(next.bytes, packet, fragment)) return 'fragment-repeated'
    if (next !== undefined && next.from < end) return 'fragment-overlap'
    if (before !== undefined && before.from + before.bytes.length > fragment.from) return 'fragment-overlap'
    return this.count === MOST_FRAGMENTS ? 'fragment-too-many' : undefined
  }

  add(packet: IpPacket, fragment: Fragment): void {
    const { memory, offset } = packet
    const { payload, length, from } = fragment
    this.cost += this.costOf(packet, fragment)
    let bytes: Uint8Array
    if (from === 0) {
      this.first = memory.slice(offset, offset + packet.length)
      this.header = fragment.header
      this.nextHeader = fragment.nextHeader
      this.nextHeaderAt = fragment.nextHeaderAt - offset
      bytes = this.first.subarray(payload - offset)
    } else bytes = memory.slice(payload, payload + length)
    this.#pieces.splice(this.#placeOf(from), 0, { from, bytes })
    this.#received += length
    if (fragment.isLast) this.#total = from + length
  }

  /** Copies the whole payload. */
  copyPayload(memory: Uint8Array, at: number): void {
    for (const { from, bytes } of this.#pieces) memory.set(bytes, at + from)
  }

  get #furthest(): number {
    const last = this.#pieces[this.#pieces.length - 1]
    return last === undefined ? 0 : last.from + last.bytes.length
  }

  /** How many pieces begin before `from`. They mostly come in order, so it is sought from the end. */
  #placeOf(from: number): number {
    let place = this.#pieces.length
    while (place > 0 && (this.#pieces[place - 1] as Piece).from >= from) place--
    return place
  }
}

export type Misfit = 'fragment-overlap' | 'fragment-repeated' | 'fragment-too-many'

function isRepeated(bytes: Uint8Array, { memory }: IpPacket, { payload, length }: Fragment): boolean {
  return bytes.length === length && standsAt(bytes, memory, payload)
}
