import type { SystemCalls } from './system-calls.ts'

// struct iovec: base and length, 64 bits each.
const WORDS = 4

/** An array of struct iovec, made once and filled anew for each readv(2) or writev(2). */
export class IoVectors {
  /** Where the first lies. */
  readonly address: number
  readonly #words: Uint32Array

  constructor(system: SystemCalls, count: number) {
    const bytes = new Uint8Array(count * WORDS * 4)
    this.address = system.addressOf(bytes)
    this.#words = new Uint32Array(bytes.buffer)
  }

  /** `size` below 2^32. */
  set(index: number, address: number, size: number): void {
    const at = index * WORDS
    // A u64 without a BigInt: below 2^53, as every address of a process is.
    this.#words[at] = address
    this.#words[at + 1] = address / 0x1_0000_0000
    this.#words[at + 2] = size
  }
}
