import { ByteRing } from './byte-ring.ts'
import type { Pieces } from './pieces.ts'
import { distance, isAfter, isBefore, laterOf } from './sequence.ts'
import { SequenceRanges } from './sequence-ranges.ts'
import type { Slab } from './slab.ts'

/** Separate pieces ahead of a hole, at most: 5 % loss in a window of 1 MiB makes about 40. */
const MAXIMUM_RANGES = 128
/** Blocks of a SACK option, at most (RFC 2018 §3). */
const MAXIMUM_BLOCKS = 4

/**
 * What has come in of a stream: bytes in order that nobody has read yet, and pieces ahead of holes, all in the place they
 * will be read from. Of bytes that come more than once the first win: they may have been acknowledged, and a filter on the
 * way may have judged by them, so nothing that comes later may change them.
 */
export class ReceiveQueue {
  /** The sequence number that is expected next. */
  next = 0
  /** Bytes in order, unread. */
  length = 0
  readonly #ring: ByteRing
  readonly #size: number
  readonly #ranges: SequenceRanges = new SequenceRanges(MAXIMUM_RANGES)
  /** A number inside each of the ranges that changed last, the last one first (RFC 2018 §4). */
  readonly #recent: Int32Array = new Int32Array(MAXIMUM_BLOCKS)
  #recents = 0

  /** At most `size` bytes from the oldest unread to the farthest ahead. */
  constructor(slab: Slab, size: number) {
    this.#ring = new ByteRing(slab, size)
    this.#size = size
  }

  /** Bytes it could still take in order. */
  get space(): number {
    return this.#size - this.length
  }

  get hasHoles(): boolean {
    return this.#ranges.count > 0
  }

  /** Bytes of memory that it holds, those ahead of holes included. */
  get memory(): number {
    return this.#ring.memory
  }

  /** Begins a stream whose first byte has the number `next`. */
  begin(next: number): void {
    this.clear()
    this.next = next
  }

  clear(): void {
    this.#ring.clear()
    this.length = 0
    this.#ranges.count = 0
    this.#recents = 0
  }

  /**
   * Takes in `count` bytes of `from` that begin with the number `sequence`; what is old, doubled or beyond the size is left
   * out. False if something new had to be left behind for want of memory or because there are too many holes.
   */
  insert(sequence: number, from: Uint8Array, start: number, count: number): boolean {
    const begin = laterOf(sequence, this.next)
    const farthest = (this.next + this.space) | 0
    const wanted = (sequence + count) | 0
    const end = isAfter(wanted, farthest) ? farthest : wanted
    if (!isBefore(begin, end)) return true
    const ranges = this.#ranges
    if (begin !== this.next && ranges.count === MAXIMUM_RANGES && ranges.isApart(begin, end)) return false
    const stored = this.#fill(begin, end, sequence, from, start)
    if (stored === begin) return false
    if (begin === this.next) this.#advance(stored)
    else {
      ranges.add(begin, stored)
      this.#remember(begin)
    }
    return stored === end
  }

  /** Copies out up to `to.length` bytes in order. Returns how many. */
  read(to: Uint8Array): number {
    const count = Math.min(to.length, this.length)
    this.#ring.read(0, to, 0, count)
    this.consume(count)
    return count
  }

  /** The bytes to be read next that lie in one piece. A view, good until something is consumed. */
  peek(): Uint8Array {
    return this.#ring.peek(0, this.length)
  }

  /** Adds to `pieces` where the bytes to be read next lie, as many as there are pieces for. Returns how many bytes. */
  locate(pieces: Pieces): number {
    return this.#ring.locate(0, this.length, pieces)
  }

  /** Lets go of `count` bytes, at most `length`. */
  consume(count: number): void {
    this.length -= count
    if (this.length === 0 && this.#ranges.count === 0) this.#ring.clear()
    else this.#ring.consume(count)
  }

  /** Writes up to `limit` SACK blocks into `blocks` as start and end, the latest first. Returns how many. */
  blocks(blocks: Int32Array, limit: number): number {
    let count = 0
    for (let i = 0; i < this.#recents && count < limit; i++) {
      count = this.#addBlock(blocks, count, this.#rangeWith(this.#recent[i] as number))
    }
    // What changed last may have become part of one range: then others are not forgotten.
    for (let at = 0; at < this.#ranges.count && count < limit; at++) count = this.#addBlock(blocks, count, at)
    return count
  }

  /** Adds range `at` behind the first `count` blocks, unless it is there already or -1. Returns how many there are now. */
  #addBlock(blocks: Int32Array, count: number, at: number): number {
    if (at < 0) return count
    const start = this.#ranges.starts[at] as number
    for (let i = 0; i < count; i++) if (blocks[i * 2] === start) return count
    blocks[count * 2] = start
    blocks[count * 2 + 1] = this.#ranges.ends[at] as number
    return count + 1
  }

  /** Stores what of `begin` to `end` is not there yet. Returns how far it got. */
  #fill(begin: number, end: number, sequence: number, from: Uint8Array, start: number): number {
    const { starts, ends } = this.#ranges
    let at = begin
    for (let i = this.#ranges.search(begin); isBefore(at, end); i++) {
      const hasRange = i < this.#ranges.count && isBefore(starts[i] as number, end)
      const gapEnd = hasRange ? (starts[i] as number) : end
      const gap = distance(at, gapEnd)
      if (gap > 0) {
        const place = this.length + distance(this.next, at)
        const written = this.#ring.write(place, from, start + distance(sequence, at), gap)
        if (written < gap) return (at + written) | 0
        at = gapEnd
      }
      if (!hasRange) break
      at = laterOf(at, ends[i] as number)
    }
    return isAfter(at, end) ? end : at
  }

  /** Everything up to `to` is there, and with it perhaps the first ranges. */
  #advance(to: number): void {
    const ranges = this.#ranges
    let next = to
    while (ranges.count > 0 && !isAfter(ranges.starts[0] as number, next)) {
      next = laterOf(next, ranges.ends[0] as number)
      ranges.shift()
    }
    this.length += distance(this.next, next)
    this.next = next
    if (ranges.count === 0) this.#recents = 0
  }

  #remember(sequence: number): void {
    this.#recent.copyWithin(1, 0, MAXIMUM_BLOCKS - 1)
    this.#recent[0] = sequence
    this.#recents = Math.min(this.#recents + 1, MAXIMUM_BLOCKS)
  }

  #rangeWith(sequence: number): number {
    const at = this.#ranges.search((sequence + 1) | 0)
    return at < this.#ranges.count && !isAfter(this.#ranges.starts[at] as number, sequence) ? at : -1
  }
}
