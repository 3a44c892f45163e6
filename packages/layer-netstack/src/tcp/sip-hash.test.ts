import { expect, test } from 'vitest'
import { sipHash } from './sip-hash.ts'

/** 00 01 02 …, as words. */
function counting(words: number): Int32Array {
  return new Int32Array(Uint8Array.from({ length: words * 4 }, (_, i) => i).buffer)
}

// Of the authors' reference implementation, key and messages 00 01 02 …
test.each([
  [0, '310e0edd47db6f72'],
  [1, 'b7877127e09427cf'],
  [2, '6224939a79f5f593'],
  [3, 'fbe50e86bc8f1e75'],
  [4, 'db9bc2577fcc2a3f'],
  // This by OpenSSL.
  [9, 'b4a31508beff4d31'],
])('of %i words', (count, expected) => {
  const result = new Int32Array(2)
  sipHash(result, counting(4), counting(count + 2), count)
  expect(Buffer.from(result.buffer).toString('hex')).toBe(expected)
})
