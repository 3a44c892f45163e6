import { type IpPacket, parseAddress } from '@millrace/core'
import { standsAt } from '../ip/same-bytes.ts'

/** The gateway's own addresses in the tunnel, where it is a host among others. */
export class GatewayAddresses {
  readonly #addresses: readonly Uint8Array[]

  /** Throws a ConfigurationError for what is no address. */
  constructor(addresses: readonly string[]) {
    this.#addresses = addresses.map((text) => parseAddress(text, 'sockets gatewayAddress').bytes)
  }

  /** The first of a family. */
  first(family: 4 | 6): Uint8Array | undefined {
    return this.#addresses.find(({ length }) => length === (family === 4 ? 4 : 16))
  }

  includes(address: Uint8Array): boolean {
    return this.#has(address, 0, address.length)
  }

  /** Whether the packet is to one of them. */
  isFor({ memory, offset, version }: IpPacket): boolean {
    return version === 4 ? this.#has(memory, offset + 16, 4) : this.#has(memory, offset + 24, 16)
  }

  #has(bytes: Uint8Array, at: number, length: number): boolean {
    for (const address of this.#addresses) {
      if (address.length === length && standsAt(address, bytes, at)) return true
    }
    return false
  }
}
