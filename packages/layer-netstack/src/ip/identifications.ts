import type { Random } from '@millrace/core'

const ROUNDS = 4

/**
 * Identifications for IPv4 datagrams that go out in fragments. Every one of the 65,536 comes up once before any comes
 * again, as RFC 6864 §4.3 would have it, in an order that nobody can foresee (RFC 7739 §5): a counter through a Feistel
 * network whose round functions are tables of random bytes, drawn anew each time round.
 */
export class Identifications {
  readonly #random: Random
  readonly #tables: Uint8Array = new Uint8Array(ROUNDS * 256)
  #count = 0

  constructor(random: Random) {
    this.#random = random
  }

  next(): number {
    if (this.#count === 0) this.#random.fill(this.#tables)
    let left = this.#count >>> 8
    let right = this.#count & 0xff
    this.#count = (this.#count + 1) & 0xffff
    for (let round = 0; round < ROUNDS; round++) {
      const mixed = left ^ (this.#tables[round * 256 + right] as number)
      left = right
      right = mixed
    }
    return (left << 8) | right
  }
}
