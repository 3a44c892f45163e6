import type { Prefix } from '@millrace/core'

/** The first 128 bits of an address as signed words, which the engine keeps in place: an IPv4 address is in the first. */
export interface Words {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}

export function wordsOf({ family, bytes }: Prefix): Words {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const w0 = view.getInt32(0)
  if (family === 4) return { w0, w1: 0, w2: 0, w3: 0 }
  return { w0, w1: view.getInt32(4), w2: view.getInt32(8), w3: view.getInt32(12) }
}

/** Bit `index`, counted from the first. */
export function isBitSet({ w0, w1, w2, w3 }: Words, index: number): boolean {
  const word = index < 32 ? w0 : index < 64 ? w1 : index < 96 ? w2 : w3
  return ((word >>> (31 - (index & 31))) & 1) === 1
}

/** How many bits are the same before the first that is not. */
export function commonBits(a: Words, b: Words): number {
  if (a.w0 !== b.w0) return Math.clz32(a.w0 ^ b.w0)
  if (a.w1 !== b.w1) return 32 + Math.clz32(a.w1 ^ b.w1)
  if (a.w2 !== b.w2) return 64 + Math.clz32(a.w2 ^ b.w2)
  return 96 + Math.clz32(a.w3 ^ b.w3)
}

/** The same with all bits behind the first `length` zero. */
export function firstBits({ w0, w1, w2, w3 }: Words, length: number): Words {
  return {
    w0: w0 & mask(length),
    w1: w1 & mask(length - 32),
    w2: w2 & mask(length - 64),
    w3: w3 & mask(length - 96),
  }
}

/** A word whose first `bits` bits are set; none below 1, all above 31. */
function mask(bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? -1 : -1 << (32 - bits)
}
