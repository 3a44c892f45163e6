import type { Clock, Random } from '@millrace/core'
import type { CloseCause, TcpListener } from '../tcp/listener.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { EphemeralPorts } from './ephemeral-ports.ts'
import { Flow, type FlowHost, type FlowOwner } from './flow.ts'
import type { HostAddresses } from './host-addresses.ts'
import type { Notices } from './notices.ts'
import { socketError } from './socket-error.ts'

/** Who takes connections that come in. */
export interface Acceptor {
  /** The owner of a connection to this address and port, or undefined to refuse it. */
  ownerFor(address: Uint8Array, port: number): FlowOwner | undefined
}

/** What the flows of a host stand on. */
export interface FlowSurroundings {
  readonly tcp: Tcp
  readonly addresses: HostAddresses
  readonly acceptor: Acceptor
  readonly notices: Notices
  readonly clock: Clock
  readonly random: Random
  /** Has it sent soon what there is to send. */
  readonly wake: () => void
}

export interface Opening {
  readonly remoteAddress: Uint8Array
  readonly remotePort: number
  readonly localAddress?: Uint8Array | undefined
  readonly localPort?: number | undefined
}

/** The TCP connections of a host, by handle: opens them, accepts them, and passes on what is told of them. */
export class HostFlows implements TcpListener, FlowHost {
  readonly tcp: Tcp
  readonly notices: Notices
  readonly #addresses: HostAddresses
  readonly #acceptor: Acceptor
  readonly #clock: Clock
  readonly #ports: EphemeralPorts
  readonly #wake: () => void
  readonly #flows = new Map<number, Flow>()

  constructor({ tcp, addresses, acceptor, notices, clock, random, wake }: FlowSurroundings) {
    this.tcp = tcp
    this.notices = notices
    this.#addresses = addresses
    this.#acceptor = acceptor
    this.#clock = clock
    this.#ports = new EphemeralPorts(random)
    this.#wake = wake
  }

  get size(): number {
    return this.#flows.size
  }

  /** Throws a SocketError when there is no way there, no port or no room. */
  open(opening: Opening, owner: FlowOwner): Flow {
    const { remoteAddress, remotePort } = opening
    if (!this.#addresses.reaches(remoteAddress)) throw socketError('EHOSTUNREACH', 'connect')
    const localAddress = opening.localAddress ?? this.#addresses.first(remoteAddress.length)
    if (
      localAddress === undefined ||
      localAddress.length !== remoteAddress.length ||
      !this.#addresses.has(localAddress)
    ) {
      throw socketError('EADDRNOTAVAIL', 'connect')
    }
    const flow = this.#add(this.#connect(localAddress, remoteAddress, remotePort, opening.localPort ?? 0), owner)
    this.wake()
    return flow
  }

  wake(): void {
    this.#wake()
  }

  forget({ handle }: Flow): void {
    this.#flows.delete(handle)
  }

  /** Ends all of them at once, and tells their owners. */
  abortAll(): void {
    for (const flow of [...this.#flows.values()]) {
      const { owner } = flow
      flow.abort()
      owner?.closed('aborted')
    }
  }

  incoming(handle: number): void {
    const ends = this.tcp.endpoints(handle)
    const owner = ends && this.#acceptor.ownerFor(ends.localAddress, ends.localPort)
    if (owner === undefined) {
      this.tcp.reject(handle, 'refused')
      return
    }
    this.#add(handle, owner)
    this.tcp.accept(handle)
  }

  established(handle: number): void {
    this.#flows.get(handle)?.established()
  }

  readable(handle: number): void {
    this.#flows.get(handle)?.readable()
  }

  writable(handle: number): void {
    this.#flows.get(handle)?.writable()
  }

  closed(handle: number, cause: CloseCause): void {
    const flow = this.#flows.get(handle)
    this.#flows.delete(handle)
    flow?.closed(cause)
  }

  #add(handle: number, owner: FlowOwner): Flow {
    const flow = new Flow(this, handle)
    flow.owner = owner
    this.#flows.set(handle, flow)
    return flow
  }

  #connect(localAddress: Uint8Array, remoteAddress: Uint8Array, remotePort: number, port: number): number {
    const { tcp } = this
    const now = this.#clock.now()
    const connect = (localPort: number): number | undefined => {
      const handle = tcp.connect({ localAddress, localPort, remoteAddress, remotePort }, now)
      return handle < 0 ? undefined : handle
    }
    const handle =
      port === 0 ? this.#ports.forConnection(localAddress, remoteAddress, remotePort, connect) : connect(port)
    if (handle === undefined) throw socketError(port === 0 ? 'EADDRNOTAVAIL' : 'EADDRINUSE', 'connect')
    return handle
  }
}
