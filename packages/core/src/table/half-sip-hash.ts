/**
 * HalfSipHash-1-3 with a 64-bit key over the first `count` 32-bit words of `words`, as a signed number. Keyed, because
 * whoever could foresee the hash could send what all falls into one place of a table.
 */
export function halfSipHash(key0: number, key1: number, words: Int32Array, count: number): number {
  let v0 = key0 | 0
  let v1 = key1 | 0
  let v2 = 0x6c79_6765 ^ key0
  let v3 = 0x7465_6462 ^ key1
  // One round a word, one for the word that holds the length in bytes, then three to finish. Two loops, as one that asks
  // in each round where it is takes a fifth longer.
  for (let i = 0; i < count; i++) {
    const word = words[i] as number
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
  const length = (count * 4) << 24
  v3 ^= length
  for (let i = 0; i < 4; i++) {
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
    if (i > 0) continue
    v0 ^= length
    v2 ^= 0xff
  }
  return v1 ^ v3
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
