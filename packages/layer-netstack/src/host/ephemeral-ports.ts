import { halfSipHash, type Random } from '@millrace/core'
import { KEY_WORDS, writeAddress } from '../ip/socket-pair.ts'

// Where servers are rarely found, and as many as may be (RFC 6056 §3.2).
const FIRST = 10_000
const COUNT: number = 65_536 - FIRST
const COUNTERS = 64
/** Ports tried for one connection. */
const TRIES = 4096

/**
 * Local ports for connections: the double-hash algorithm of RFC 6056 §3.3.4. Ports to one destination follow one
 * another, so that none is used again soon; from outside nobody can tell where they begin or how many there were to others.
 */
export class EphemeralPorts {
  readonly #random: Random
  readonly #keys: Uint32Array
  readonly #counters: Uint32Array = new Uint32Array(COUNTERS)
  readonly #words: Int32Array = new Int32Array(KEY_WORDS)

  constructor(random: Random) {
    this.#random = random
    this.#keys = Uint32Array.from({ length: 4 }, () => random.uint32())
    for (let i = 0; i < COUNTERS; i++) this.#counters[i] = random.uint32()
  }

  /** Offers ports for a connection until `take` accepts one: what it returns, or undefined if it accepts none of many. */
  forConnection<T>(
    local: Uint8Array,
    remote: Uint8Array,
    remotePort: number,
    take: (port: number) => T | undefined,
  ): T | undefined {
    const words = this.#words
    writeAddress(words, 0, local)
    writeAddress(words, 4, remote)
    words[8] = remotePort
    const [k0, k1, k2, k3] = this.#keys as unknown as readonly [number, number, number, number]
    const offset = halfSipHash(k0, k1, words, KEY_WORDS) >>> 0
    const counter = (halfSipHash(k2, k3, words, KEY_WORDS) >>> 0) % COUNTERS
    for (let tries = 0; tries < TRIES; tries++) {
      const count = this.#counters[counter] as number
      this.#counters[counter] = count + 1
      const taken = take(FIRST + ((offset + count) % COUNT))
      if (taken !== undefined) return taken
    }
    return undefined
  }

  /** A port drawn at random (RFC 6056 §3.3.2) that `isFree`, or undefined when there is none. */
  drawn(isFree: (port: number) => boolean): number | undefined {
    const start = this.#random.uint32() % COUNT
    for (let i = 0; i < COUNT; i++) {
      const port = FIRST + ((start + i) % COUNT)
      if (isFree(port)) return port
    }
    return undefined
  }
}
