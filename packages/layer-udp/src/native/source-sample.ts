import { AF_INET } from '@millrace/native'
import type { SourceList } from './aggregates.ts'

/** Enough to see eight prefixes. A power of two. */
const SIZE = 512

/** Counts datagrams by how they begin, and remembers where the last of some kinds came from. */
export class SourceSample implements SourceList {
  /** Datagrams by their first byte; of a train only the first, unless its kind is wanted. They may wrap around. */
  readonly counts: Uint32Array = new Uint32Array(256)
  readonly family: Uint8Array = new Uint8Array(SIZE)
  readonly high: Uint32Array = new Uint32Array(SIZE)
  readonly low: Uint32Array = new Uint32Array(SIZE)
  /** How many of a wanted kind were not the first of a train. */
  inTrains = 0
  readonly #wanted = new Uint8Array(256)
  #wantsAny = false
  #count = 0

  get isFull(): boolean {
    return this.#count >= SIZE
  }

  get length(): number {
    return Math.min(this.#count, SIZE)
  }

  /** From now on, of those that begin with one of these bytes; what was remembered is forgotten. */
  want(firstBytes: readonly number[]): void {
    this.#wanted.fill(0)
    for (const byte of firstBytes) this.#wanted[byte] = 1
    this.#wantsAny = firstBytes.length > 0
    this.#count = 0
  }

  /** A datagram, or a train of such as are `segmentSize` bytes long, from this sockaddr_in or sockaddr_in6. */
  note(memory: Uint8Array, offset: number, length: number, segmentSize: number, name: Int32Array): void {
    const step = segmentSize > 0 && this.#wantsAny ? segmentSize : length
    for (let at = 0; at < length; at += step) {
      const first = memory[offset + at] as number
      this.counts[first] = (this.counts[first] as number) + 1
      if (this.#wanted[first] === 0) continue
      if (at > 0) this.inTrains++
      this.#remember(name)
    }
  }

  #remember(name: Int32Array): void {
    const isIpv4 = ((name[0] as number) & 0xffff) === AF_INET
    const at = this.#count & (SIZE - 1)
    this.family[at] = isIpv4 ? 4 : 6
    this.high[at] = swapped(name[isIpv4 ? 1 : 2] as number)
    this.low[at] = isIpv4 ? 0 : swapped(name[3] as number)
    this.#count++
  }
}

/** From network order, as it lies in memory. */
function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
