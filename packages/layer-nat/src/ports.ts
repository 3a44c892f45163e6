import type { Random } from '@millrace/core'

/** Which outside ports may be used: from `first` to `last`, but for the reserved ones. */
export interface PortRange {
  readonly first: number
  readonly last: number
  readonly reserved: readonly number[]
}

const PORTS = 65_536

/**
 * The outside ports of one protocol, each held by one mapping at most (endpoint-independent mapping; RFC 4787 REQ-3
 * forbids to overload them). Ports are picked at random (RFC 6056 §3.3.1). A port given back rests for a while
 * (RFC 6888 REQ-8) unless nothing else is left: to serve a peer goes before keeping a log unambiguous.
 */
export class PortSet {
  /** One bit a port, set while it is not to be picked: held, resting, reserved or out of range. */
  readonly #taken: Uint32Array = new Uint32Array(PORTS / 32).fill(0xffff_ffff)
  /** Ports at rest, oldest first: a ring, as large as there are ports. */
  readonly #resting: Uint16Array
  readonly #restedAt: Float64Array
  #oldest = 0
  #restingCount = 0
  readonly #first: number
  readonly #size: number
  readonly #capacity: number
  readonly #rest: number
  readonly #random: Random
  #held = 0

  /** `rest` in milliseconds. */
  constructor({ first, last, reserved }: PortRange, rest: number, random: Random) {
    this.#first = first
    this.#size = last - first + 1
    this.#resting = new Uint16Array(this.#size)
    this.#restedAt = new Float64Array(this.#size)
    this.#rest = rest
    this.#random = random
    for (let port = first; port <= last; port++) this.#clear(port)
    for (const port of reserved) this.#set(port)
    const kept = new Set(reserved.filter((port) => port >= first && port <= last))
    this.#capacity = this.#size - kept.size
  }

  /** Ports in the range but for the reserved ones. */
  get capacity(): number {
    return this.#capacity
  }

  /** Ports held by mappings. */
  get held(): number {
    return this.#held
  }

  /** Picks a free port and holds it, or returns -1 if there is none. */
  take(now: number): number {
    this.#wakeDue(now)
    let port = this.#findFree(this.#first + (this.#random.uint32() % this.#size))
    if (port < 0 && this.#restingCount > 0) port = this.#wake()
    if (port < 0) return -1
    this.#set(port)
    this.#held++
    return port
  }

  /** Holds this very port. False if it is not to be had, or still rests. */
  claim(port: number, now: number): boolean {
    this.#wakeDue(now)
    if (((this.#taken[port >>> 5] as number) & (1 << (port & 31))) !== 0) return false
    this.#set(port)
    this.#held++
    return true
  }

  /** Gives back a port that was taken. */
  release(port: number, now: number): void {
    this.#held--
    const place = (this.#oldest + this.#restingCount) % this.#size
    this.#resting[place] = port
    this.#restedAt[place] = now
    this.#restingCount++
  }

  #wakeDue(now: number): void {
    while (this.#restingCount > 0 && (this.#restedAt[this.#oldest] as number) + this.#rest <= now) this.#wake()
  }

  #wake(): number {
    const port = this.#resting[this.#oldest] as number
    this.#oldest = (this.#oldest + 1) % this.#size
    this.#restingCount--
    this.#clear(port)
    return port
  }

  /** The first free port from `start` on, around the end: 32 at a time, so that a full range costs 2,048 steps. */
  #findFree(start: number): number {
    const words = this.#taken.length
    const startWord = start >>> 5
    for (let i = 0; i <= words; i++) {
      const word = (startWord + i) % words
      let free = ~(this.#taken[word] as number)
      if (i === 0) free &= -1 << (start & 31)
      if (free !== 0) return word * 32 + 31 - Math.clz32(free & -free)
    }
    return -1
  }

  #set(port: number): void {
    this.#taken[port >>> 5] = (this.#taken[port >>> 5] as number) | (1 << (port & 31))
  }

  #clear(port: number): void {
    this.#taken[port >>> 5] = (this.#taken[port >>> 5] as number) & ~(1 << (port & 31))
  }
}
