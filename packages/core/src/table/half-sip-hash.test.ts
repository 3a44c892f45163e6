import { expect, test } from 'vitest'
import { halfSipHash } from './half-sip-hash.ts'

const WORDS = Int32Array.of(0x03020100, 0x07060504, 0x0b0a0908)

// The test vectors of the Linux kernel's hsiphash on 32-bit machines, for messages of whole words.
test.each([
  [0, 0x5814c896],
  [1, 0x7e059ea6],
  [2, 0x577999b1],
  [3, 0x6b28096c],
])('is HalfSipHash-1-3: key 00..07, the first %i words of 00..0b', (count, hash) => {
  expect(halfSipHash(0x03020100, 0x07060504, WORDS, count) >>> 0).toBe(hash)
})
