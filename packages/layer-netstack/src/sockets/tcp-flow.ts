import { connect, type Socket } from 'node:net'
import type { FlowEnd } from '../egress/flow-metrics.ts'
import type { CloseCause } from '../tcp/listener.ts'
import type { FlowGrant } from './flow-grant.ts'
import type { TcpFlowOwner } from './tcp-flow-owner.ts'

/** How long what a client has sent may wait for a server that takes nothing, once the client has gone. Milliseconds. */
const LINGER = 300_000

/**
 * One connection of a client to a server: on this side a connection of our TCP, on the other a socket. What one side does
 * not take, the other may not send: at most one piece waits here, each way.
 */
export class TcpFlow {
  readonly grant: FlowGrant
  readonly dialledAt: number
  /** Of the connection to the client; -1 once that is over. */
  handle: number
  /** How it ended, once one of its sides has. */
  ending: FlowEnd | undefined
  /** Whether the server has answered. */
  isOpen = false
  /** Dials so far. */
  tries = 0
  /** Whether the server's side ended by an error. */
  isBroken = false
  /** Bytes that the client has sent, and those for it. */
  sent = 0
  received = 0
  /** For {@link MemoryPressure}: what had come through when it looked last. */
  movedBefore: number | undefined
  readonly #owner: TcpFlowOwner
  #socket: Socket | undefined
  /** The piece that the socket has not taken yet; it keeps the client waiting. */
  #kept: Buffer | undefined
  /** What the TCP did not take, and how much of it is through meanwhile; it keeps the server waiting. */
  #rest: Uint8Array | undefined
  #restTaken = 0
  #hasServerEnded = false
  readonly #onRead = (length: number, buffer: Uint8Array): boolean => this.#receive(buffer.subarray(0, length))
  readonly #onWritten = (): void => this.#written()

  constructor(owner: TcpFlowOwner, handle: number, grant: FlowGrant, now: number) {
    this.#owner = owner
    this.handle = handle
    this.grant = grant
    this.dialledAt = now
  }

  get hasSocket(): boolean {
    return this.#socket !== undefined
  }

  /** Bytes of memory outside of the TCP, because one side keeps the other waiting. */
  get held(): number {
    return (this.#kept?.length ?? 0) + (this.#rest?.length ?? 0)
  }

  /** Dials as the grant says. It may be called again after it has failed. */
  dial(): void {
    this.tries++
    const { request, egress, destination, port } = this.grant
    const { buffers, keepaliveIdle } = this.#owner
    const socket = connect({
      host: destination,
      port: request.port,
      family: request.family,
      localAddress: egress.address,
      localPort: port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: keepaliveIdle > 0,
      keepAliveInitialDelay: keepaliveIdle,
      onread: { buffer: buffers.fromServers, callback: this.#onRead },
    })
    this.#socket = socket
    socket.on('connect', () => this.#connected(socket))
    socket.on('end', () => this.#ended())
    socket.on('error', (error: NodeJS.ErrnoException) => this.#failed(socket, error))
    socket.on('close', () => this.#closed(socket))
  }

  /** Gives up on the dial under way. */
  cancel(): void {
    const socket = this.#socket
    this.#socket = undefined
    socket?.destroy()
  }

  /** The client has sent something, or its end of the stream. */
  readable(): void {
    const socket = this.#socket
    if (socket === undefined || !this.isOpen || this.#kept !== undefined || socket.destroyed) return
    const { tcp, buffers } = this.#owner
    for (;;) {
      const { toServers } = buffers
      const count = tcp.read(this.handle, toServers)
      if (count === 0) break
      this.sent += count
      socket.write(count === toServers.length ? toServers : toServers.subarray(0, count), this.#onWritten)
      // What the system has not taken at once lies in the buffer until it has.
      if (socket.writableLength === 0) continue
      this.#kept = buffers.keep()
      this.#owner.stalled()
      return
    }
    if (tcp.ended(this.handle) && !socket.writableEnded) socket.end()
  }

  /** The TCP takes something again. */
  writable(): void {
    const rest = this.#rest
    if (rest === undefined) return
    this.#restTaken += this.#owner.tcp.write(this.handle, rest.subarray(this.#restTaken))
    if (this.#restTaken < rest.length) return
    this.#dropRest()
    if (this.#hasServerEnded) this.#owner.tcp.shutdown(this.handle)
    else this.#socket?.resume()
  }

  /** The connection to the client is over. */
  clientClosed(cause: CloseCause): void {
    const socket = this.#socket
    this.handle = -1
    this.#dropRest()
    if (!this.isOpen) this.cancel()
    else if (cause !== 'finished') this.reset()
    else if (socket !== undefined && !socket.destroyed) {
      if (!socket.writableEnded) socket.end()
      socket.setTimeout(LINGER, () => this.reset())
    }
  }

  /** Ends the socket at once, and lets the server know. */
  reset(): void {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed) return
    if (this.isOpen) socket.resetAndDestroy()
    else socket.destroy()
  }

  #connected(socket: Socket): void {
    if (socket !== this.#socket) return
    this.isOpen = true
    this.#owner.connected(this)
  }

  #receive(bytes: Uint8Array): boolean {
    const { handle } = this
    if (handle < 0) return true
    this.received += bytes.length
    const taken = this.#owner.tcp.write(handle, bytes)
    if (taken > 0) this.#owner.wake()
    if (taken === bytes.length) return true
    this.#rest = this.#owner.buffers.copy(bytes.subarray(taken))
    this.#owner.stalled()
    return false
  }

  #written(): void {
    if (this.#kept === undefined || this.#socket?.writableLength !== 0) return
    this.#owner.buffers.giveBack(this.#kept)
    this.#kept = undefined
    if (this.handle < 0) return
    this.readable()
    this.#owner.wake()
  }

  #ended(): void {
    this.#hasServerEnded = true
    if (this.handle < 0 || this.#rest !== undefined) return
    this.#owner.tcp.shutdown(this.handle)
    this.#owner.wake()
  }

  #failed(socket: Socket, { code = 'UNKNOWN', syscall }: NodeJS.ErrnoException): void {
    if (socket !== this.#socket) return
    if (this.isOpen) {
      this.isBroken = true
      return
    }
    this.#socket = undefined
    // Of a bind, the system tells at once that it lacks the address; that the port is taken it tells when connecting.
    this.#owner.failed(this, code, syscall === 'bind' && code === 'EADDRNOTAVAIL')
  }

  #closed(socket: Socket): void {
    if (socket !== this.#socket) return
    this.#socket = undefined
    if (this.#kept !== undefined) this.#owner.buffers.giveBack(this.#kept)
    this.#kept = undefined
    this.#dropRest()
    this.#owner.finished(this)
  }

  #dropRest(): void {
    if (this.#rest !== undefined) this.#owner.buffers.drop(this.#rest)
    this.#rest = undefined
    this.#restTaken = 0
  }
}
