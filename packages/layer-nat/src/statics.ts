import { TupleIndex } from './tuple-index.ts'

/** An inside endpoint that always stands outside under one address and port. */
export interface StaticEndpoint {
  readonly protocol: number
  readonly inside: number
  readonly insidePort: number
  readonly outside: number
  readonly outsidePort: number
}

/** An inside address that has an outside address of its own, for all protocols and ports. */
export interface StaticAddress {
  readonly inside: number
  readonly outside: number
}

/**
 * Mappings that the operator has made: port forwards and one-to-one addresses. They have no sessions, no state and no
 * limits, so nothing wears them out, and nothing is lost by a restart. Whoever sends to them is let in.
 */
export class StaticMappings {
  readonly #endpoints: readonly StaticEndpoint[]
  readonly #inside: TupleIndex
  readonly #outside: TupleIndex
  readonly #addresses: readonly StaticAddress[]
  readonly #addressInside: TupleIndex
  readonly #addressOutside: TupleIndex

  /** `key` gives 32 secret bits a call. */
  constructor(endpoints: readonly StaticEndpoint[], addresses: readonly StaticAddress[], key: () => number) {
    const index = (capacity: number): TupleIndex => new TupleIndex(Math.max(capacity, 1), key(), key())
    this.#endpoints = endpoints
    this.#inside = index(endpoints.length)
    this.#outside = index(endpoints.length)
    for (const [i, { protocol, inside, insidePort, outside, outsidePort }] of endpoints.entries()) {
      this.#inside.insert(i, protocol, inside, insidePort, 0, 0)
      this.#outside.insert(i, protocol, outside, outsidePort, 0, 0)
    }
    this.#addresses = addresses
    this.#addressInside = index(addresses.length)
    this.#addressOutside = index(addresses.length)
    for (const [i, { inside, outside }] of addresses.entries()) {
      this.#addressInside.insert(i, 0, inside, 0, 0, 0)
      this.#addressOutside.insert(i, 0, outside, 0, 0, 0)
    }
  }

  /** The endpoint that stands inside under an address and port. */
  byInside(protocol: number, address: number, port: number): StaticEndpoint | undefined {
    if (this.#endpoints.length === 0) return undefined
    return this.#endpoints[this.#inside.find(protocol, address, port, 0, 0)]
  }

  byOutside(protocol: number, address: number, port: number): StaticEndpoint | undefined {
    if (this.#endpoints.length === 0) return undefined
    return this.#endpoints[this.#outside.find(protocol, address, port, 0, 0)]
  }

  /** The one-to-one address of an inside address. */
  addressByInside(address: number): StaticAddress | undefined {
    if (this.#addresses.length === 0) return undefined
    return this.#addresses[this.#addressInside.find(0, address, 0, 0, 0)]
  }

  addressByOutside(address: number): StaticAddress | undefined {
    if (this.#addresses.length === 0) return undefined
    return this.#addresses[this.#addressOutside.find(0, address, 0, 0, 0)]
  }
}
