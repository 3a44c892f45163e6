import { type Context, type SocketAddress, type Token, token } from '@millrace/core'
import type { HostPort } from './config/config.ts'
import { EndpointResolver, type Lookup } from './config/endpoint-resolver.ts'
import type { Device } from './device/device.ts'

/** How names of endpoints are looked up, where not by the system's resolver. */
export const LOOKUP: Token<Lookup | undefined> = token<Lookup | undefined>('Lookup', () => undefined)

/** Finds the addresses of peers whose endpoint is a name: at first, and again while handshakes find nobody there. */
export class NamedEndpoints {
  readonly #resolver: EndpointResolver
  readonly #withDevice: <T>(work: (device: Device) => T) => T
  #closed = false

  constructor(context: Context, withDevice: <T>(work: (device: Device) => T) => T) {
    const lookup = context.runtime.get(LOOKUP)
    this.#resolver = new EndpointResolver({
      clock: context.clock,
      logger: context.logger,
      ...(lookup === undefined ? {} : { lookup }),
    })
    this.#withDevice = withDevice
  }

  /** Looks `name` up for the peer `id`; `failed` is the address that does not answer. */
  async find(id: string, name: HostPort, failed?: SocketAddress): Promise<void> {
    const address = await this.#resolver.resolve(name, failed)
    if (address === undefined || this.#closed) return
    this.#withDevice((device) => device.endpointFound(id, name, address))
  }

  /** What is found from now on is of no interest. */
  close(): void {
    this.#closed = true
  }
}
