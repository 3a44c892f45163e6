import type { Random } from '@millrace/core'
import type { PortRange } from './ports.ts'

/** What already stands outside under a tuple: sessions, or mappings, of which `remotePort` is 0. */
export interface OutsideLookup {
  /** The entry, or -1. */
  findOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): number
}

/** Ports tried for one new session; to find what is free after so many misses would cost more than it is worth. */
const TRIES = 512

/** Outside ports that are unique only for their destination: from a random start, the next that is free (RFC 6056 §3.3.1). */
export class DestinationPorts {
  readonly #first: number
  readonly #size: number
  readonly #reserved: ReadonlySet<number>
  readonly #random: Random

  constructor({ first, last, reserved }: PortRange, random: Random) {
    this.#first = first
    this.#size = last - first + 1
    this.#reserved = new Set(reserved)
    this.#random = random
  }

  /** A port that nothing with this destination has, or -1. */
  pick(taken: OutsideLookup, protocol: number, address: number, remote: number, remotePort: number): number {
    const start = this.#random.uint32() % this.#size
    for (let i = 0; i < this.#size && i < TRIES; i++) {
      const port = this.#first + ((start + i) % this.#size)
      if (this.#reserved.has(port)) continue
      if (taken.findOutside(protocol, address, port, remote, remotePort) < 0) return port
    }
    return -1
  }
}
