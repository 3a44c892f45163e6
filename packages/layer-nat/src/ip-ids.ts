import { halfSipHash, type Random } from '@millrace/core'

const COUNTERS = 2048

/**
 * Identifications for IPv4 datagrams that are fragments or may become some: behind one outside address several inside
 * hosts would else use the same at a time (RFC 6864 §5.3). One counter for each of 2,048 groups of destinations, each
 * from a random start, so that what one destination sees tells little about the others (RFC 7739 §5.3).
 */
export class IpIds {
  readonly #counters: Uint16Array
  readonly #key0: number
  readonly #key1: number
  /** Source, destination and protocol, to be hashed. */
  readonly #words: Int32Array = new Int32Array(3)

  constructor(random: Random) {
    this.#counters = Uint16Array.from({ length: COUNTERS }, () => random.uint32())
    this.#key0 = random.uint32()
    this.#key1 = random.uint32()
  }

  /** The first of `count` identifications, one after the other, for a datagram to `destination`. */
  next(source: number, destination: number, protocol: number, count: number): number {
    const words = this.#words
    words[0] = source
    words[1] = destination
    words[2] = protocol
    const group = halfSipHash(this.#key0, this.#key1, words, words.length) & (COUNTERS - 1)
    const id = this.#counters[group] as number
    this.#counters[group] = id + count
    return id
  }
}
