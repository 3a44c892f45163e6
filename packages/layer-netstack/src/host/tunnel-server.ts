import { EventEmitter } from 'node:events'
import type { Flow, FlowOwner } from './flow.ts'
import { TunnelSocket } from './tunnel-socket.ts'

export interface ListenOptions {
  /** 0, the default: any that is free. */
  readonly port?: number
  /** One of the host's own. Default: all of them. */
  readonly address?: string
  /** As of `net.Server`: whether the sockets may be written when the other end has ended. Default false. */
  readonly allowHalfOpen?: boolean
}

/** What a server tells. */
export interface TunnelServerEvents {
  connection: [socket: TunnelSocket]
  close: []
}

/** Accepts connections inside the tunnel. */
export class TunnelServer extends EventEmitter<TunnelServerEvents> implements AsyncDisposable {
  readonly port: number
  /** In text form; undefined for all of the host's. */
  readonly address: string | undefined
  readonly #allowHalfOpen: boolean
  readonly #unlisten: () => void
  #isListening = true
  #isClosed = false
  #connections = 0

  /** Made by `listen` of a host. */
  constructor({ port = 0, address, allowHalfOpen = false }: ListenOptions, unlisten: () => void) {
    super()
    this.port = port
    this.address = address
    this.#allowHalfOpen = allowHalfOpen
    this.#unlisten = unlisten
  }

  get listening(): boolean {
    return this.#isListening
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections
  }

  /** Accepts no more. It is closed, and `closed` called, when the connections it has accepted have ended. */
  close(closed?: () => void): this {
    if (this.#isClosed) {
      if (closed !== undefined) process.nextTick(closed)
      return this
    }
    if (closed !== undefined) this.once('close', closed)
    if (!this.#isListening) return this
    this.#isListening = false
    this.#unlisten()
    this.#closeWhenQuiet()
    return this
  }

  /** Closes it, and waits until its connections have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isListening && this.#connections === 0) return
    await new Promise<void>((resolve) => this.close(resolve))
  }

  /** Takes a connection that is being opened: it becomes a socket when both ends know of it. */
  ownerOfNext(): FlowOwner {
    return { opened: (flow) => this.#accept(flow), readable() {}, writable() {}, closed() {} }
  }

  #accept(flow: Flow): void {
    if (!this.#isListening) {
      flow.abort()
      return
    }
    const socket = new TunnelSocket(
      (seeker) => {
        flow.owner = seeker
        return flow
      },
      { allowHalfOpen: this.#allowHalfOpen },
    )
    this.#connections++
    socket.once('close', () => {
      this.#connections--
      this.#closeWhenQuiet()
    })
    this.emit('connection', socket)
    if (!socket.isPaused()) socket.read(0)
  }

  #closeWhenQuiet(): void {
    if (this.#isListening || this.#connections > 0) return
    this.#isClosed = true
    process.nextTick(() => this.emit('close'))
  }
}
