import type { Random } from '../runtime/random.ts'

/** Repeatable by its seed, for tests and simulation only: it is not secret. The generator is SplitMix32. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.uint32()
  }

  /** Uniform over [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability
  }
}
