import { ConfigurationError } from '@millrace/core'
import { addressBytes } from './host-addresses.ts'
import { socketError } from './socket-error.ts'

/** The address of a name. */
export type ResolveName = (name: string) => Promise<string>

/** Datagrams that may wait for the address of a name: 16 MiB at most. */
const WAITING = 256

/** The addresses of what a datagram socket sends to by name. */
export class DatagramNames {
  readonly #resolve: ResolveName | undefined
  #waiting = 0

  /** `resolve` undefined: there are only addresses. */
  constructor(resolve: ResolveName | undefined) {
    this.#resolve = resolve
  }

  /** 4 or 16 bytes. Rejects with ENOBUFS while too many wait for theirs. */
  async find(host: string): Promise<Uint8Array> {
    const bytes = addressBytes(host)
    if (bytes !== undefined) return bytes
    if (host === '' || this.#resolve === undefined) {
      throw new ConfigurationError(`datagram socket: expected an address, got "${host}"`)
    }
    const found = addressBytes(await this.#lookUp(this.#resolve, host))
    if (found === undefined) throw socketError('EHOSTUNREACH', 'send')
    return found
  }

  async #lookUp(resolve: ResolveName, name: string): Promise<string> {
    if (this.#waiting === WAITING) throw socketError('ENOBUFS', 'send')
    this.#waiting++
    try {
      return await resolve(name)
    } finally {
      this.#waiting--
    }
  }
}
