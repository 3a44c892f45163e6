import { destinationKey } from '../egress/destination-key.ts'
import { isSame } from '../ip/same-bytes.ts'

/** How long a judgement about a destination holds: the addresses of this host are asked for as often. Milliseconds. */
const VALID = 1000
/** Most flows have one, or the few servers of a name. */
const DESTINATIONS = 4

interface Destination {
  readonly address: Uint8Array
  readonly port: number
  readonly key: string
  until: number
}

/** The destinations of a flow that were allowed last, which are mostly the next ones too, and their keys. */
export class AllowedDestinations {
  readonly #all: Destination[] = []

  /** The key of a destination that is still allowed (see `destinationKey`), or undefined. */
  find(address: Uint8Array, port: number, now: number): string | undefined {
    const known = this.#known(address, port)
    return known !== undefined && now < known.until ? known.key : undefined
  }

  /** In the place of the one that was allowed longest ago, if there are too many. Returns the key. */
  allow(address: Uint8Array, port: number, now: number): string {
    const known = this.#known(address, port)
    if (known !== undefined) {
      known.until = now + VALID
      return known.key
    }
    const key = destinationKey(address, port)
    const place = this.#all.length < DESTINATIONS ? this.#all.length : this.#oldest()
    this.#all[place] = { address: address.slice(), port, key, until: now + VALID }
    return key
  }

  #known(address: Uint8Array, port: number): Destination | undefined {
    for (let i = 0; i < this.#all.length; i++) {
      const one = this.#all[i] as Destination
      if (one.port === port && isSame(one.address, address)) return one
    }
    return undefined
  }

  #oldest(): number {
    let oldest = 0
    for (let i = 1; i < this.#all.length; i++) if (this.#until(i) < this.#until(oldest)) oldest = i
    return oldest
  }

  #until(index: number): number {
    return (this.#all[index] as Destination).until
  }
}
