import { ConfigurationError } from '@millrace/core'
import type { FlowOwner } from './flow.ts'
import { addressBytes, addressText, type HostAddresses } from './host-addresses.ts'
import type { Acceptor } from './host-flows.ts'
import { checkPort } from './ports.ts'
import { socketError } from './socket-error.ts'
import { type ListenOptions, TunnelServer } from './tunnel-server.ts'

/** The servers of a host by port. */
export class ServerTable implements Acceptor {
  readonly #addresses: HostAddresses
  readonly #drawPort: (isFree: (port: number) => boolean) => number | undefined
  /** Of one port, no two for one address. */
  readonly #servers = new Map<number, Set<TunnelServer>>()

  constructor(addresses: HostAddresses, drawPort: (isFree: (port: number) => boolean) => number | undefined) {
    this.#addresses = addresses
    this.#drawPort = drawPort
  }

  /** Throws a ConfigurationError for what is no port or no own address, a SocketError when it is in use. */
  listen(options: ListenOptions): TunnelServer {
    checkPort(options.port ?? 0, 'listen port')
    const address = this.#ownAddress(options.address)
    const port = options.port || this.#drawPort((free) => !this.#servers.has(free))
    if (port === undefined) throw socketError('EADDRINUSE', 'listen')
    const others = this.#servers.get(port) ?? new Set<TunnelServer>()
    for (const other of others) {
      if (address !== undefined && other.address !== undefined && address !== other.address) continue
      throw socketError('EADDRINUSE', 'listen', { address: address ?? '::', port })
    }
    const { allowHalfOpen = false } = options
    const place = { port, allowHalfOpen, ...(address === undefined ? {} : { address }) }
    const server: TunnelServer = new TunnelServer(place, () => this.#remove(server))
    this.#servers.set(port, others.add(server))
    return server
  }

  ownerFor(address: Uint8Array, port: number): FlowOwner | undefined {
    const servers = this.#servers.get(port)
    if (servers === undefined) return undefined
    const text = addressText(address)
    for (const server of servers) {
      if (server.address === undefined || server.address === text) return server.ownerOfNext()
    }
    return undefined
  }

  closeAll(): void {
    for (const servers of [...this.#servers.values()]) for (const server of [...servers]) server.close()
  }

  #remove(server: TunnelServer): void {
    const servers = this.#servers.get(server.port)
    servers?.delete(server)
    if (servers?.size === 0) this.#servers.delete(server.port)
  }

  /** As the host writes it; undefined for all. */
  #ownAddress(text: string | undefined): string | undefined {
    if (text === undefined || text === '0.0.0.0' || text === '::') return undefined
    const address = addressBytes(text)
    if (address === undefined) throw new ConfigurationError(`listen address: expected an address, got "${text}"`)
    if (!this.#addresses.has(address)) throw socketError('EADDRNOTAVAIL', 'listen', { address: text, port: 0 })
    return addressText(address)
  }
}
