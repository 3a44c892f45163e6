import { randomFillSync } from 'node:crypto'

/** Randomness comes in from outside, so that a run can be repeated by its seed. */
export interface Random {
  fill(target: Uint8Array): void
  /** Uniform over 0 to 2^32 - 1. */
  uint32(): number
}

const word = new Uint32Array(1)

/** The operating system's generator; what keys are made of. */
export const systemRandom: Random = {
  fill: (target) => void randomFillSync(target),
  uint32: () => randomFillSync(word)[0] as number,
}
