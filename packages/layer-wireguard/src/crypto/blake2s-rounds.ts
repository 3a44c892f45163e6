/** The words that a state begins with (RFC 7693 §2.6): those of SHA-256. */
export const INITIAL: Int32Array = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
)

/** Which word of the block is mixed in when, 16 a round (RFC 7693 §2.7). */
const SIGMA = Uint8Array.from(
  [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
  ].flat(),
)

/** The block being taken in, as words. */
const words = new Int32Array(16)

/**
 * BLAKE2s's compression (RFC 7693 §3.2): takes 64 bytes into `state`. `count` is the number of bytes hashed up to and
 * with this block, below 2^32; `isLast` marks the last block.
 *
 * The working words are variables and the eight mixings of a round are written out, because that is what the engine
 * keeps in registers: 0.25 µs. Measured and left: the words in an array (1.0), a loop over half rounds (0.5), noble (2 to
 * 3), OpenSSL by `createHash` and `createHmac` (2.5 and 3.8 for 1 and 4 blocks, nearly all of it the object). All ten
 * rounds written out (0.12) or WebAssembly (0.14, with or without SIMD) would save 5 % of a handshake, for ten times the
 * code or an assembler.
 */
export function compress(state: Int32Array, block: DataView, count: number, isLast: boolean): void {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(i * 4, true)
  let v0 = state[0] as number
  let v1 = state[1] as number
  let v2 = state[2] as number
  let v3 = state[3] as number
  let v4 = state[4] as number
  let v5 = state[5] as number
  let v6 = state[6] as number
  let v7 = state[7] as number
  let v8 = INITIAL[0] as number
  let v9 = INITIAL[1] as number
  let v10 = INITIAL[2] as number
  let v11 = INITIAL[3] as number
  let v12 = (INITIAL[4] as number) ^ count
  let v13 = INITIAL[5] as number
  let v14 = (INITIAL[6] as number) ^ (isLast ? -1 : 0)
  let v15 = INITIAL[7] as number
  for (let at = 0; at < 160; at += 16) {
    // The columns.
    v0 = (v0 + v4 + word(at)) | 0
    v12 = rotate(v12 ^ v0, 16)
    v8 = (v8 + v12) | 0
    v4 = rotate(v4 ^ v8, 12)
    v0 = (v0 + v4 + word(at + 1)) | 0
    v12 = rotate(v12 ^ v0, 8)
    v8 = (v8 + v12) | 0
    v4 = rotate(v4 ^ v8, 7)
    v1 = (v1 + v5 + word(at + 2)) | 0
    v13 = rotate(v13 ^ v1, 16)
    v9 = (v9 + v13) | 0
    v5 = rotate(v5 ^ v9, 12)
    v1 = (v1 + v5 + word(at + 3)) | 0
    v13 = rotate(v13 ^ v1, 8)
    v9 = (v9 + v13) | 0
    v5 = rotate(v5 ^ v9, 7)
    v2 = (v2 + v6 + word(at + 4)) | 0
    v14 = rotate(v14 ^ v2, 16)
    v10 = (v10 + v14) | 0
    v6 = rotate(v6 ^ v10, 12)
    v2 = (v2 + v6 + word(at + 5)) | 0
    v14 = rotate(v14 ^ v2, 8)
    v10 = (v10 + v14) | 0
    v6 = rotate(v6 ^ v10, 7)
    v3 = (v3 + v7 + word(at + 6)) | 0
    v15 = rotate(v15 ^ v3, 16)
    v11 = (v11 + v15) | 0
    v7 = rotate(v7 ^ v11, 12)
    v3 = (v3 + v7 + word(at + 7)) | 0
    v15 = rotate(v15 ^ v3, 8)
    v11 = (v11 + v15) | 0
    v7 = rotate(v7 ^ v11, 7)
    // The diagonals.
    v0 = (v0 + v5 + word(at + 8)) | 0
    v15 = rotate(v15 ^ v0, 16)
    v10 = (v10 + v15) | 0
    v5 = rotate(v5 ^ v10, 12)
    v0 = (v0 + v5 + word(at + 9)) | 0
    v15 = rotate(v15 ^ v0, 8)
    v10 = (v10 + v15) | 0
    v5 = rotate(v5 ^ v10, 7)
    v1 = (v1 + v6 + word(at + 10)) | 0
    v12 = rotate(v12 ^ v1, 16)
    v11 = (v11 + v12) | 0
    v6 = rotate(v6 ^ v11, 12)
    v1 = (v1 + v6 + word(at + 11)) | 0
    v12 = rotate(v12 ^ v1, 8)
    v11 = (v11 + v12) | 0
    v6 = rotate(v6 ^ v11, 7)
    v2 = (v2 + v7 + word(at + 12)) | 0
    v13 = rotate(v13 ^ v2, 16)
    v8 = (v8 + v13) | 0
    v7 = rotate(v7 ^ v8, 12)
    v2 = (v2 + v7 + word(at + 13)) | 0
    v13 = rotate(v13 ^ v2, 8)
    v8 = (v8 + v13) | 0
    v7 = rotate(v7 ^ v8, 7)
    v3 = (v3 + v4 + word(at + 14)) | 0
    v14 = rotate(v14 ^ v3, 16)
    v9 = (v9 + v14) | 0
    v4 = rotate(v4 ^ v9, 12)
    v3 = (v3 + v4 + word(at + 15)) | 0
    v14 = rotate(v14 ^ v3, 8)
    v9 = (v9 + v14) | 0
    v4 = rotate(v4 ^ v9, 7)
  }
  state[0] = (state[0] as number) ^ v0 ^ v8
  state[1] = (state[1] as number) ^ v1 ^ v9
  state[2] = (state[2] as number) ^ v2 ^ v10
  state[3] = (state[3] as number) ^ v3 ^ v11
  state[4] = (state[4] as number) ^ v4 ^ v12
  state[5] = (state[5] as number) ^ v5 ^ v13
  state[6] = (state[6] as number) ^ v6 ^ v14
  state[7] = (state[7] as number) ^ v7 ^ v15
}

/** Overwrites what is left of the last block. */
export function forgetBlock(): void {
  words.fill(0)
}

/** To the right. */
function rotate(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits))
}

function word(at: number): number {
  return words[SIGMA[at] as number] as number
}
