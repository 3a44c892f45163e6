/**
 * HalfSipHash-1-3 with a 64-bit key over `count` 32-bit words of `words`. Keyed, because whoever could foresee the hash
 * could open connections that all fall into one place of a table.
 */
export function hashWords(key0: number, key1: number, words: Int32Array, count: number): number {
  let v0 = key0 | 0
  let v1 = key1 | 0
  let v2 = 0x6c79_6765 ^ key0
  let v3 = 0x7465_6462 ^ key1
  // One round a word, one for the word that holds the length in bytes, then three to finish.
  for (let round = 0; round < count + 4; round++) {
    const word = round < count ? (words[round] as number) : round === count ? (count * 4) << 24 : 0
    if (round === count + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = rotate(v1, 5) ^ v0
    v0 = rotate(v0, 16)
    v2 = (v2 + v3) | 0
    v3 = rotate(v3, 8) ^ v2
    v0 = (v0 + v3) | 0
    v3 = rotate(v3, 7) ^ v0
    v2 = (v2 + v1) | 0
    v1 = rotate(v1, 13) ^ v2
    v2 = rotate(v2, 16)
    v0 ^= word
  }
  return (v1 ^ v3) >>> 0
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
