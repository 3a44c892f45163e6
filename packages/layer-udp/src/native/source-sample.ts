import { AF_INET } from '@millrace/native'
import type { SourceList } from './aggregates.ts'

/** Enough to see eight prefixes. A power of two. */
const SIZE = 512

/** Remembers where the last datagrams of some kinds came from. */
export class SourceSample implements SourceList {
  readonly family: Uint8Array = new Uint8Array(SIZE)
  readonly high: Uint32Array = new Uint32Array(SIZE)
  readonly low: Uint32Array = new Uint32Array(SIZE)
  readonly #wanted = new Uint8Array(256)
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
    this.#count = 0
  }

  /** A datagram that begins with this byte has come from this sockaddr_in or sockaddr_in6. */
  note(firstByte: number, name: Int32Array): void {
    if (this.#wanted[firstByte] === 0) return
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
