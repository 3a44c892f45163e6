import { ConfigurationError, type Random } from '@millrace/core'
import { duration, whole } from './checks.ts'

export interface PortAllocatorOptions {
  /** First and last port. Default 1024 to 65535, as RFC 6056 §3.2 advises. */
  readonly ports?: readonly [first: number, last: number]
  /** Never given: those on which somebody listens. A peer that got one could take over its answers (CVE-2021-3773). */
  readonly reservedPorts?: readonly number[]
  /** Milliseconds for which a port that was given back rests. Default 120,000 (RFC 6888 REQ-8). */
  readonly holdDown?: number
  /**
   * `destination`: a port is held for one destination, so that each destination has the whole range (TCP). `all`: a port
   * is held by one flow whatever its destination (UDP, endpoint-independent mapping, RFC 4787 REQ-1).
   */
  readonly scope: 'destination' | 'all'
}

interface Uses {
  readonly destination: string
  readonly held: Set<number>
  /** In the order in which they were given back. */
  readonly resting: Map<number, Rest>
}

interface Rest {
  readonly uses: Uses
  readonly port: number
  readonly until: number
}

/** Ports tried at random before those behind the last are gone through. */
const RANDOM_TRIES = 8
/** Rests at once; one more ends the oldest. It bounds the memory, and only a busy gateway gets there. */
const MAXIMUM_RESTS = 8192
/** What the system refused is not tried again right away. */
const REFUSED_REST = 1000

/**
 * Source ports of one egress address and protocol. The system's own choice would do for one range in all, because it
 * binds before it knows the destination. Ports are picked at random (RFC 6056 §3.3.1). One that is given back rests,
 * unless nothing else is left. Memory is in proportion to the ports held, and 8,192 at rest.
 */
export class PortAllocator {
  readonly #first: number
  readonly #size: number
  readonly #reserved: ReadonlySet<number>
  readonly #holdDown: number
  readonly #perDestination: boolean
  readonly #random: Random
  readonly #uses = new Map<string, Uses>()
  /** Of all destinations, in the order in which they began. */
  readonly #rests = new Set<Rest>()
  #held = 0
  #exhausted = 0
  #refused = 0

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: PortAllocatorOptions, random: Random) {
    const { ports: [first, last] = [1024, 65_535], reservedPorts = [], holdDown = 120_000, scope } = options
    whole('ports', first, 1, 65_535)
    whole('ports', last, first, 65_535)
    for (const port of reservedPorts) whole('reservedPorts', port, 1, 65_535)
    duration('holdDown', holdDown)
    this.#first = first
    this.#size = last - first + 1
    this.#reserved = new Set(reservedPorts.filter((port) => port >= first && port <= last))
    this.#holdDown = holdDown
    this.#perDestination = scope === 'destination'
    this.#random = random
    if (this.capacity === 0) {
      throw new ConfigurationError(
        `sockets reservedPorts: expected at least one port of ${first} to ${last} to be left`,
      )
    }
  }

  /** Ports there are: for each destination, or in all. */
  get capacity(): number {
    return this.#size - this.#reserved.size
  }

  /** Ports held, of all destinations together. */
  get held(): number {
    return this.#held
  }

  /** Times that `take` found none. */
  get exhausted(): number {
    return this.#exhausted
  }

  /** Ports that the system did not let us have. */
  get refused(): number {
    return this.#refused
  }

  /** Destinations of which something is remembered. */
  get size(): number {
    return this.#uses.size
  }

  /** Ports held for the destination that has the most of them; with the scope `all`, the same as `held`. Slow. */
  mostHeld(): number {
    let most = 0
    for (const { held } of this.#uses.values()) most = Math.max(most, held.size)
    return most
  }

  /** Picks a port for a destination (see {@link destinationKey}) and holds it, or returns -1 if there is none. */
  take(destination: string, now: number): number {
    this.#endRests(now)
    const key = this.#perDestination ? destination : ''
    const known = this.#uses.get(key)
    if (known !== undefined && known.held.size + known.resting.size === this.capacity) {
      if (known.held.size === this.capacity) {
        this.#exhausted++
        return -1
      }
      for (const rest of known.resting.values()) {
        this.#end(rest)
        break
      }
    }
    const uses = this.#uses.get(key) ?? this.#begin(key)
    const port = this.#findFree(uses)
    uses.held.add(port)
    this.#held++
    return port
  }

  /** Gives back a port that was taken for this destination; one that is not held is ignored. */
  release(destination: string, port: number, now: number): void {
    this.#rest(destination, port, now + this.#holdDown)
  }

  /**
   * The same for a port that the system refused: `EADDRINUSE` (somebody else has it), `EADDRNOTAVAIL` (from `connect`:
   * to this destination). Take another then; how often is the caller's to bound.
   */
  failed(destination: string, port: number, now: number): void {
    this.#refused++
    this.#rest(destination, port, now + Math.max(this.#holdDown, REFUSED_REST))
  }

  #begin(destination: string): Uses {
    const uses: Uses = { destination, held: new Set(), resting: new Map() }
    this.#uses.set(destination, uses)
    return uses
  }

  #rest(destination: string, port: number, until: number): void {
    const uses = this.#uses.get(this.#perDestination ? destination : '')
    if (uses === undefined || !uses.held.delete(port)) return
    this.#held--
    const rest = { uses, port, until }
    uses.resting.set(port, rest)
    this.#rests.add(rest)
    if (this.#rests.size > MAXIMUM_RESTS) this.#endOldest()
  }

  #endOldest(): void {
    for (const rest of this.#rests) {
      this.#end(rest)
      return
    }
  }

  #endRests(now: number): void {
    for (const rest of this.#rests) {
      if (rest.until > now) return
      this.#end(rest)
    }
  }

  #end(rest: Rest): void {
    const { uses, port } = rest
    this.#rests.delete(rest)
    uses.resting.delete(port)
    if (uses.held.size + uses.resting.size === 0) this.#uses.delete(uses.destination)
  }

  /** There is one. */
  #findFree({ held, resting }: Uses): number {
    let place = 0
    for (let tries = 0; ; tries++) {
      place = tries < RANDOM_TRIES ? this.#random.uint32() % this.#size : (place + 1) % this.#size
      const port = this.#first + place
      if (!held.has(port) && !resting.has(port) && !this.#reserved.has(port)) return port
    }
  }
}
