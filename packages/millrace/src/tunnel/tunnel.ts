import type { LookupAddress, LookupOptions } from 'node:dns'
import type { Agent as HttpAgent, AgentOptions as HttpAgentOptions } from 'node:http'
import type { Agent as HttpsAgent, AgentOptions as HttpsAgentOptions } from 'node:https'
import type { DropStatistics, EdgeStatistics, RunningStack } from '@millrace/core'
import type {
  DatagramSocketOptions,
  Destination,
  ListenOptions,
  NetstackEndpoint,
  TcpStatistics,
  TunnelDatagramSocket,
  TunnelServer,
  TunnelSocket,
} from '@millrace/layer-netstack'
import { socketError } from '@millrace/layer-netstack'
import type { PeerSet, PeerStatus, WireguardLayer } from '@millrace/layer-wireguard'
import { TunnelHttpAgent, TunnelHttpsAgent } from './agents.ts'
import { type ConnectArguments, readConnectArguments, type TunnelConnectOptions } from './connect-arguments.ts'
import { makeDispatcher, type TunnelDispatcher, type TunnelDispatcherOptions } from './dispatcher.ts'
import type { Resolver } from './dns/resolver.ts'
import { type LookupCallback, lookupWith } from './lookup.ts'

/** What a tunnel is made of, running. */
export interface TunnelParts {
  readonly host: NetstackEndpoint
  readonly running: RunningStack
  readonly wireguard: WireguardLayer
  readonly resolver: Resolver
}

export interface TunnelStatistics {
  readonly peers: readonly PeerStatus[]
  readonly tcp: TcpStatistics | undefined
  readonly edges: readonly EdgeStatistics[]
  readonly drops: readonly DropStatistics[]
}

/**
 * A WireGuard tunnel of this program's own; see `connect`. Whatever it opens, the tunnel reaches what the allowed IPs of
 * its peers contain; all else is `EHOSTUNREACH` at once. Nothing of it ever goes past the tunnel, names
 * included, but for the look-up of a peer's own endpoint.
 */
export class Tunnel implements AsyncDisposable {
  /** Its own addresses. */
  readonly addresses: readonly string[]
  /** The stack underneath: counters, drops, events. */
  readonly stack: RunningStack
  /** Its peers, to be seen and changed. What it reaches stays as it was at the start. */
  readonly peers: PeerSet
  readonly #host: NetstackEndpoint
  readonly #resolver: Resolver

  constructor({ host, running, wireguard, resolver }: TunnelParts) {
    this.addresses = host.addresses
    this.stack = running
    this.peers = wireguard.peers
    this.#host = host
    this.#resolver = resolver
  }

  /** Opens a TCP connection; the arguments are those of `net.connect`. A name is looked up through the tunnel. */
  readonly connect = (...args: ConnectArguments): TunnelSocket => {
    const { options, onConnect } = readConnectArguments(args)
    const socket = this.#host.dial(this.#destinations(options), options)
    if (options.timeout !== undefined) socket.setTimeout(options.timeout)
    if (onConnect !== undefined) socket.once('connect', onConnect)
    return socket
  }

  /** The same, by the other name it has in `node:net`. */
  readonly createConnection: (...args: ConnectArguments) => TunnelSocket = this.connect

  /** A UDP socket as of `node:dgram`, not bound yet. Names in `send` and `connect` are looked up through the tunnel. */
  createSocket(options: Omit<DatagramSocketOptions, 'resolve'> | 'udp4' | 'udp6' = {}): TunnelDatagramSocket {
    const given = typeof options === 'string' ? { type: options } : options
    const family = given.type === 'udp4' ? 4 : given.type === 'udp6' ? 6 : 0
    const resolve = async (name: string): Promise<string> => {
      const found = await this.resolve(name, family)
      return (found.find(({ address }) => this.#host.reaches(address)) ?? (found[0] as LookupAddress)).address
    }
    return this.#host.createSocket({ ...given, resolve })
  }

  /** Accepts TCP connections at the tunnel's own addresses. */
  listen(options: number | ListenOptions, onConnection?: (socket: TunnelSocket) => void): TunnelServer {
    return this.#host.listen(typeof options === 'number' ? { port: options } : options, onConnection)
  }

  /** The addresses of a name, asked through the tunnel, of families that it has, IPv6 first; an address stands for itself. */
  resolve(host: string, family?: number): Promise<readonly LookupAddress[]> {
    return this.#resolver.resolve(host, family)
  }

  /** As `dns.lookup`, for whoever takes a function like that. */
  readonly lookup = (host: string, options: LookupOptions | number | LookupCallback, callback?: LookupCallback): void =>
    lookupWith(this.#resolver, host, options, callback)

  /** Whether it leads to an address. */
  reaches(address: string): boolean {
    return this.#host.reaches(address)
  }

  /** For `fetch(url, { dispatcher })`, Node's own and undici's: an undici Agent. */
  dispatcher(options: TunnelDispatcherOptions = {}): TunnelDispatcher {
    return makeDispatcher(this.connect, options)
  }

  /** For `http.request(url, { agent })`. */
  agent(options: HttpAgentOptions = {}): HttpAgent {
    return new TunnelHttpAgent(this.connect, options)
  }

  /** For `https.request(url, { agent })`. */
  httpsAgent(options: HttpsAgentOptions = {}): HttpsAgent {
    return new TunnelHttpsAgent(this.connect, options)
  }

  get statistics(): TunnelStatistics {
    return {
      peers: this.peers.list(),
      tcp: this.#host.statistics,
      edges: this.stack.edges(),
      drops: this.stack.drops(),
    }
  }

  /**
   * Ends the tunnel and everything that goes through it: sockets are destroyed, those that are being opened with
   * `ECONNABORTED`. What has been written and not yet been acknowledged may be lost.
   */
  close(): Promise<void> {
    return this.stack.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** All that a name stands for and the tunnel reaches. */
  async #destinations({
    host,
    port,
    family,
  }: TunnelConnectOptions & { host: string; port: number }): Promise<readonly Destination[]> {
    const found = await this.resolve(host, family)
    const reached = found.filter(({ address }) => this.#host.reaches(address))
    const [first] = found
    if (reached.length === 0 && first !== undefined) {
      throw socketError('EHOSTUNREACH', 'connect', { address: first.address, port })
    }
    return reached.map(({ address }) => ({ address, port }))
  }
}
