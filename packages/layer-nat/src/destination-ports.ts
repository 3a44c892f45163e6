import type { Random } from '@millrace/core'
import type { PortRange } from './ports.ts'

/** What already stands outside under a tuple: sessions, or mappings, of which `remotePort` is 0. */
export interface OutsideLookup {
  /** The entry, or -1. */
  findOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): number
}

/** Ports tried for one new session; to find what is free after so many misses would cost more than it is worth. */
export const PORT_TRIES = 512

/** Outside ports that are unique only for their destination: from a random start, the next that is free (RFC 6056 §3.3.1). */
export class DestinationPorts {
  readonly #address: number
  readonly #range: PortRange
  readonly #reserved: ReadonlySet<number>
  readonly #random: Random

  constructor(address: number, range: PortRange, random: Random) {
    this.#address = address
    this.#range = range
    this.#reserved = new Set(range.reserved)
    this.#random = random
  }

  /** A port of the range that nothing with this destination has, or -1. */
  pick(taken: OutsideLookup, protocol: number, remote: number, remotePort: number): number {
    const { first, last } = this.#range
    return this.pickWithin(first, last - first + 1, PORT_TRIES, taken, protocol, remote, remotePort)
  }

  /** The same of `size` ports from `first` on, after `tries` at most. */
  pickWithin(
    first: number,
    size: number,
    tries: number,
    taken: OutsideLookup,
    protocol: number,
    remote: number,
    remotePort: number,
  ): number {
    const start = this.#random.uint32() % size
    for (let i = 0; i < size && i < tries; i++) {
      const port = first + ((start + i) % size)
      if (this.#reserved.has(port)) continue
      if (taken.findOutside(protocol, this.#address, port, remote, remotePort) < 0) return port
    }
    return -1
  }

  /** Whether a port is in the range and not reserved. */
  isUsable(port: number): boolean {
    return port >= this.#range.first && port <= this.#range.last && !this.#reserved.has(port)
  }
}
