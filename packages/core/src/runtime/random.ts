import { randomFillSync } from 'node:crypto'

/** Randomness comes in from outside, so that a run can be repeated by its seed. */
export interface Random {
  fill(target: Uint8Array): void
  /** Uniform over 0 to 2^32 - 1. */
  uint32(): number
}

/** A call costs 3 µs, whether for one word or for all of these. */
const words = new Uint32Array(256)
let used = words.length

/** Each word once, and none remains behind. */
function nextWord(): number {
  if (used === words.length) {
    randomFillSync(words)
    used = 0
  }
  const word = words[used] as number
  words[used++] = 0
  return word
}

/**
 * The operating system's generator; what keys are made of. Words are drawn ahead: they become indices, ports and keys of
 * hash tables, which nobody outside may foresee. What `fill` gives, of which keys of the cryptography are made, lay nowhere
 * before.
 */
export const systemRandom: Random = {
  fill: (target) => void randomFillSync(target),
  uint32: nextWord,
}
