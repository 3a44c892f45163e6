import { destinationKey } from '../egress/destination-key.ts'

/** How long a judgement about a destination holds: the addresses of this host are asked for as often. Milliseconds. */
const VALID = 1000

/** The destination that was allowed last, which is mostly the next one too, and its key. */
export class LastDestination {
  readonly #address: Uint8Array
  #port = -1
  #key = ''
  #until = Number.NEGATIVE_INFINITY

  constructor(family: 4 | 6) {
    this.#address = new Uint8Array(family === 4 ? 4 : 16)
  }

  /** See `destinationKey`. */
  get key(): string {
    return this.#key
  }

  /** Whether it is this one, and still allowed. */
  is(address: Uint8Array, port: number, now: number): boolean {
    return now < this.#until && this.#isSame(address, port)
  }

  allow(address: Uint8Array, port: number, now: number): void {
    this.#until = now + VALID
    if (this.#isSame(address, port)) return
    this.#address.set(address)
    this.#port = port
    this.#key = destinationKey(address, port)
  }

  #isSame(address: Uint8Array, port: number): boolean {
    if (this.#port !== port) return false
    for (let i = 0; i < this.#address.length; i++) if (this.#address[i] !== address[i]) return false
    return true
  }
}
