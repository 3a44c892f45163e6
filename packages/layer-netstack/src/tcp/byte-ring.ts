import type { Pieces } from './pieces.ts'
import { CHUNK, type Slab } from './slab.ts'

const NONE = -1

/**
 * Bytes of a stream, addressed from the oldest one still held, in chunks of a {@link Slab}. It may have holes: only
 * chunks that have been written to are taken. What is written where is the caller's to know.
 */
export class ByteRing {
  readonly #slab: Slab
  readonly #chunks: Int32Array
  readonly #mask: number
  /** Place in `#chunks` of the chunk with the oldest byte, and where in that chunk it lies. */
  #first = 0
  #skip = 0
  #held = 0

  /** For addresses 0 to `size` - 1. */
  constructor(slab: Slab, size: number) {
    this.#slab = slab
    const chunks = 2 ** Math.ceil(Math.log2(Math.ceil(size / CHUNK) + 1))
    this.#chunks = new Int32Array(chunks).fill(NONE)
    this.#mask = chunks - 1
  }

  /** Bytes of the slab that it holds. */
  get memory(): number {
    return this.#held * CHUNK
  }

  /** Copies bytes in. Returns how many: fewer than `count` when the slab has no more chunks. */
  write(at: number, from: Uint8Array, start: number, count: number): number {
    let done = 0
    while (done < count) {
      const place = this.#skip + at + done
      const slot = (this.#first + Math.floor(place / CHUNK)) & this.#mask
      if (this.#chunks[slot] === NONE && !this.#take(slot)) return done
      const inside = place % CHUNK
      const length = Math.min(CHUNK - inside, count - done)
      // The engine copies between two memories by way of a view only.
      const piece = from.subarray(start + done, start + done + length)
      this.#slab.memory.set(piece, (this.#chunks[slot] as number) + inside)
      done += length
    }
    return done
  }

  /** Copies bytes out that have been written. */
  read(at: number, to: Uint8Array, start: number, count: number): void {
    for (let done = 0; done < count; ) {
      const place = this.#skip + at + done
      const inside = place % CHUNK
      const length = Math.min(CHUNK - inside, count - done)
      const begin = this.#begin(place)
      to.set(this.#slab.memory.subarray(begin, begin + length), start + done)
      done += length
    }
  }

  /** The bytes from `at` on that lie in one piece, at most `count`. A view: good until they are consumed. */
  peek(at: number, count: number): Uint8Array {
    const place = this.#skip + at
    const begin = this.#begin(place)
    return this.#slab.memory.subarray(begin, begin + Math.min(CHUNK - (place % CHUNK), count))
  }

  /** Adds to `pieces` where the bytes from `at` on lie, as many of `count` as there are pieces for. Returns how many. */
  locate(at: number, count: number, pieces: Pieces): number {
    let done = 0
    while (done < count && !pieces.isFull) {
      const place = this.#skip + at + done
      const length = Math.min(CHUNK - (place % CHUNK), count - done)
      pieces.add(this.#begin(place), length)
      done += length
    }
    return done
  }

  /** Sees to it that there is room from `at` on. Returns how much: less than `count` when the slab has no more chunks. */
  reserve(at: number, count: number): number {
    let done = 0
    while (done < count) {
      const place = this.#skip + at + done
      const slot = (this.#first + Math.floor(place / CHUNK)) & this.#mask
      if (this.#chunks[slot] === NONE && !this.#take(slot)) return done
      done += Math.min(CHUNK - (place % CHUNK), count - done)
    }
    return done
  }

  /** Gives back the room from `at` on, `count` bytes, where nothing has been put into a chunk. */
  unreserve(at: number, count: number): void {
    const end = this.#skip + at + count
    for (let place = Math.ceil((this.#skip + at) / CHUNK) * CHUNK; place < end; place += CHUNK) {
      this.#release((this.#first + Math.floor(place / CHUNK)) & this.#mask)
    }
  }

  /** Lets go of the oldest `count` bytes; address 0 is now what `count` was. */
  consume(count: number): void {
    let skip = this.#skip + count
    for (; skip >= CHUNK; skip -= CHUNK) {
      this.#release(this.#first)
      this.#first = (this.#first + 1) & this.#mask
    }
    this.#skip = skip
  }

  /** Lets go of everything. */
  clear(): void {
    for (let slot = this.#first; this.#held > 0; slot = (slot + 1) & this.#mask) this.#release(slot)
    this.#skip = 0
  }

  #begin(place: number): number {
    const slot = (this.#first + Math.floor(place / CHUNK)) & this.#mask
    return (this.#chunks[slot] as number) + (place % CHUNK)
  }

  #take(slot: number): boolean {
    const chunk = this.#slab.take()
    if (chunk < 0) return false
    this.#chunks[slot] = chunk
    this.#held++
    return true
  }

  #release(slot: number): void {
    const chunk = this.#chunks[slot] as number
    if (chunk === NONE) return
    this.#slab.give(chunk)
    this.#chunks[slot] = NONE
    this.#held--
  }
}
