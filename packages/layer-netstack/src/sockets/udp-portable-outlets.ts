import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { formatAddress, parseAddress } from '@millrace/core'
import { isSame } from '../ip/same-bytes.ts'
import type { FlowGrant } from './flow-grant.ts'
import {
  bindTo,
  type OutletBuffers,
  type OutletOwner,
  type OutletRefusal,
  type OutletRemote,
  RECEIVE_BUFFER,
  type UdpOutlet,
  type UdpOutlets,
} from './udp-outlet.ts'

/** What the system has not taken yet, of one outlet and of all, at most: datagrams and bytes. */
const OUTLET_QUEUE = { datagrams: 1024, bytes: 1 << 20 }
const QUEUES = { datagrams: 8192, bytes: 1 << 24 }

type LookupDone = (error: null, address: string, family: number) => void

/** Addresses need no looking up: so binding and sending are done when the call returns. */
function lookup(address: string, _options: unknown, done: LookupDone): void {
  done(null, address, address.includes(':') ? 6 : 4)
}

/** Outlets by `node:dgram`, anywhere: a call and a copy for each datagram. */
export class PortableOutlets implements UdpOutlets {
  readonly buffers: OutletBuffers
  /** Of all outlets. */
  readonly queued: { datagrams: number; bytes: number } = { datagrams: 0, bytes: 0 }
  #sockets = 0
  #onClosed: (() => void) | undefined

  constructor(buffers: OutletBuffers) {
    this.buffers = buffers
  }

  open(
    owner: OutletOwner,
    grant: FlowGrant,
    connectTo: OutletRemote | undefined,
    now: number,
  ): UdpOutlet | OutletRefusal {
    const outlet = new PortableOutlet(this, owner, grant, connectTo)
    const bound = bindTo({ owner, grant, connectTo }, now, () => outlet.bind())
    if (typeof bound !== 'string') this.#sockets++
    return typeof bound === 'string' ? bound : outlet
  }

  receiveTrains(): void {}

  flush(): void {}

  closed(): void {
    if (--this.#sockets === 0) this.#onClosed?.()
  }

  async stop(): Promise<void> {
    if (this.#sockets === 0) return
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve
    })
  }
}

class PortableOutlet implements UdpOutlet {
  readonly grant: FlowGrant
  sent = 0
  received = 0
  readonly #all: PortableOutlets
  readonly #owner: OutletOwner
  readonly #connectedTo: OutletRemote | undefined
  #socket: Socket | undefined
  /** What of `PortableOutlets.queued` is ours. */
  #datagrams = 0
  #bytes = 0
  /** The addresses last sent to and heard of, which are mostly the next ones too, and their texts. */
  #to: Uint8Array = new Uint8Array(0)
  #toText = ''
  #fromText = ''
  #from: Uint8Array = new Uint8Array(0)
  readonly #onSent = (error: Error | null): void => {
    this.#recount()
    if (error !== null && this.#socket !== undefined) this.#fail(error)
  }

  constructor(all: PortableOutlets, owner: OutletOwner, grant: FlowGrant, connectTo: OutletRemote | undefined) {
    this.#all = all
    this.#owner = owner
    this.grant = grant
    this.#connectedTo = connectTo
  }

  /** The system's code if it cannot be. */
  bind(): Socket | string {
    const { egress, port } = this.grant
    const type = egress.family === 4 ? 'udp4' : 'udp6'
    const { receiveBuffer: recvBufferSize = RECEIVE_BUFFER, sendBuffer: sendBufferSize } = this.#all.buffers
    const socket = createSocket({ type, ipv6Only: type === 'udp6', lookup, recvBufferSize, sendBufferSize })
    let failure: string | undefined
    const onError = ({ code = 'UNKNOWN' }: NodeJS.ErrnoException): void => {
      failure ??= code
    }
    socket.on('error', onError)
    try {
      socket.bind({ address: egress.address, port, exclusive: true })
      const to = this.#connectedTo
      if (to !== undefined && failure === undefined) {
        socket.connect(to.port, this.#text(to.address))
        if (!isConnected(socket)) failure = 'EHOSTUNREACH'
      }
    } catch (error) {
      onError(error as NodeJS.ErrnoException)
    }
    if (failure !== undefined) {
      socket.close()
      return failure
    }
    socket.off('error', onError)
    socket.on('error', (error) => this.#fail(error))
    socket.on('message', (bytes, from) => this.#receive(bytes, from))
    socket.on('close', () => this.#all.closed())
    this.#socket = socket
    return socket
  }

  send(bytes: Uint8Array, { address, port }: OutletRemote): string | undefined {
    const socket = this.#socket
    if (socket === undefined) return 'udp-socket-closed'
    const { queued } = this.#all
    const isFull = this.#datagrams >= OUTLET_QUEUE.datagrams || this.#bytes + bytes.length > OUTLET_QUEUE.bytes
    const areFull = queued.datagrams >= QUEUES.datagrams || queued.bytes + bytes.length > QUEUES.bytes
    if (isFull || areFull) return 'udp-send-queue-full'
    const copy = Buffer.from(bytes)
    this.sent += copy.length
    if (this.#connectedTo !== undefined) socket.send(copy, 0, copy.length, this.#onSent)
    else socket.send(copy, 0, copy.length, port, this.#text(address), this.#onSent)
    this.#recount()
    return undefined
  }

  close(): void {
    this.#socket?.close()
    this.#socket = undefined
    this.#recount()
  }

  #receive(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    // One with a zone, to which no client has sent.
    if (address.includes('%')) return
    this.received += bytes.length
    this.#owner.received(bytes, this.#bytesOf(address), port, 0)
  }

  #fail(error: NodeJS.ErrnoException & { readonly address?: string; readonly port?: number }): void {
    const { code = 'UNKNOWN', address, port } = error
    const named = address === undefined || port === undefined ? undefined : { address: this.#bytesOf(address), port }
    this.#owner.failed(code, this.#connectedTo ?? named, 1)
  }

  /** What the system has not taken, it has taken later without telling how much. */
  #recount(): void {
    const datagrams = this.#socket?.getSendQueueCount() ?? 0
    const bytes = this.#socket?.getSendQueueSize() ?? 0
    const { queued } = this.#all
    queued.datagrams += datagrams - this.#datagrams
    queued.bytes += bytes - this.#bytes
    this.#datagrams = datagrams
    this.#bytes = bytes
  }

  #text(address: Uint8Array): string {
    if (!isSame(this.#to, address)) {
      this.#to = address.slice()
      this.#toText = formatAddress(address, 0, address.length === 4 ? 4 : 6)
    }
    return this.#toText
  }

  #bytesOf(text: string): Uint8Array {
    if (text !== this.#fromText) {
      this.#from = parseAddress(text).bytes
      this.#fromText = text
    }
    return this.#from
  }
}

/** Why the system has refused, Node tells only in a later turn. */
function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress()
    return true
  } catch {
    return false
  }
}
