import { expect, test } from 'vitest'
import { hashTuple } from './half-sip-hash.ts'

test('is HalfSipHash-1-3: key 00..07, message 00..0c', () => {
  // The test vector for 13 bytes of the Linux kernel's hsiphash on 32-bit machines.
  expect(hashTuple(0x03020100, 0x07060504, 0x03020100, 0x07060504, 0x0b0a0908, 0x0c)).toBe(0x66dd9cd6)
})

test('every bit of the tuple and of the key counts', () => {
  const input = [0x12345678, 0x9abcdef0, 0x0a000002, 0xc6336407, 0x13880035, 17]
  const hash = (words: readonly number[]): number =>
    hashTuple(...(words as [number, number, number, number, number, number]))
  const seen = new Set([hash(input)])
  let bits = 0
  for (let word = 0; word < input.length; word++) {
    for (let bit = 0; bit < (word === 5 ? 8 : 32); bit++) {
      seen.add(hash(input.map((value, i) => (i === word ? (value ^ (1 << bit)) >>> 0 : value))))
      bits++
    }
  }
  expect(seen.size).toBe(bits + 1)
})
