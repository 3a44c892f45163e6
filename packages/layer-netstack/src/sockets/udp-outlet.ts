import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { FlowGrant } from './flow-grant.ts'

/** What an outlet tells its owner. */
export interface OutletOwner {
  readonly buffers: OutletBuffers
  received(outlet: UdpOutlet, bytes: Uint8Array, from: RemoteInfo): void
  /** Something sent did not go out, or not arrive; `to` is where, if the system says so. */
  failed(outlet: UdpOutlet, code: string, to: OutletRemote | undefined): void
  closed(outlet: UdpOutlet): void
}

/** Of each socket in the system, bytes; undefined leaves the system's default. */
export interface OutletBuffers {
  readonly receiveBuffer: number | undefined
  readonly sendBuffer: number | undefined
}

/** Text and port. */
export interface OutletRemote {
  readonly address: string
  readonly port: number
}

/** Source ports tried: one may be another program's. */
const PORT_TRIES = 8
/** Datagrams that the system has not taken yet, at most. */
const QUEUE = 16

type LookupDone = (error: null, address: string, family: number) => void

/** Addresses need no looking up: so binding and sending are done when the call returns. */
function lookup(address: string, _options: unknown, done: LookupDone): void {
  done(null, address, address.includes(':') ? 6 : 4)
}

/**
 * A UDP socket bound to the address and port of its grant. It takes datagrams of anybody; connected to a remote end it
 * takes only those of that one, and the system tells when they do not arrive.
 */
export class UdpOutlet {
  readonly grant: FlowGrant
  sent = 0
  received = 0
  readonly #owner: OutletOwner
  readonly #connectedTo: OutletRemote | undefined
  #socket: Socket | undefined
  readonly #onSent = (error: Error | null): void => {
    if (error !== null) this.#fail(error)
  }

  constructor(owner: OutletOwner, grant: FlowGrant, connectTo: OutletRemote | undefined) {
    this.#owner = owner
    this.grant = grant
    this.#connectedTo = connectTo
  }

  /** Binds. Returns why that cannot be, or undefined. */
  open(now: number): string | undefined {
    for (let tries = 1; ; tries++) {
      const code = this.#bind()
      if (code === undefined) return undefined
      if (code === 'EADDRNOTAVAIL') {
        this.grant.addressFailed(code, now)
        return 'egress-address-failed'
      }
      if (code !== 'EADDRINUSE') return 'udp-socket-failed'
      if (tries === PORT_TRIES || !this.grant.anotherPort(now)) return 'ports-exhausted'
    }
  }

  /** Sends a copy. Returns why not, or undefined. */
  send(bytes: Uint8Array, { address, port }: OutletRemote): string | undefined {
    const socket = this.#socket
    if (socket === undefined) return 'udp-socket-closed'
    if (socket.getSendQueueCount() >= QUEUE) return 'udp-send-queue-full'
    const copy = Buffer.from(bytes)
    this.sent += copy.length
    if (this.#connectedTo === undefined) socket.send(copy, 0, copy.length, port, address, this.#onSent)
    else socket.send(copy, 0, copy.length, this.#onSent)
    return undefined
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
  }

  /** Returns the system's code if it cannot be. */
  #bind(): string | undefined {
    const { egress, port } = this.grant
    const type = egress.family === 4 ? 'udp4' : 'udp6'
    const { receiveBuffer: recvBufferSize, sendBuffer: sendBufferSize } = this.#owner.buffers
    const socket = createSocket({ type, ipv6Only: type === 'udp6', lookup, recvBufferSize, sendBufferSize })
    let failure: string | undefined
    const onError = ({ code = 'UNKNOWN' }: NodeJS.ErrnoException): void => {
      failure ??= code
    }
    socket.on('error', onError)
    try {
      socket.bind({ address: egress.address, port, exclusive: true })
      const to = this.#connectedTo
      if (to !== undefined && failure === undefined) socket.connect(to.port, to.address)
    } catch (error) {
      onError(error as NodeJS.ErrnoException)
    }
    if (failure !== undefined) {
      socket.close()
      return failure
    }
    socket.off('error', onError)
    socket.on('error', (error) => this.#fail(error))
    socket.on('message', (bytes, from) => {
      this.received += bytes.length
      this.#owner.received(this, bytes, from)
    })
    socket.on('close', () => this.#owner.closed(this))
    this.#socket = socket
    return undefined
  }

  #fail(error: NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }): void {
    const { code = 'UNKNOWN', address, port } = error
    const named = address === undefined || port === undefined ? undefined : { address, port }
    this.#owner.failed(this, code, this.#connectedTo ?? named)
  }
}
