import { connect, type Socket } from 'node:net'
import type { Tcp } from '../tcp/tcp.ts'
import type { RelayBuffers } from './relay-buffers.ts'
import type { TcpOutlet, TcpOutletOwner, TcpOutletParts } from './tcp-outlet.ts'

/** What a portable outlet stands on. */
export interface PortableTcpOutletParts extends TcpOutletParts {
  readonly tcp: Tcp
  readonly buffers: RelayBuffers
}

/** An outlet by `node:net`. At most one piece waits here, each way. */
export class PortableTcpOutlet implements TcpOutlet {
  readonly #parts: PortableTcpOutletParts
  readonly #owner: TcpOutletOwner
  readonly #socket: Socket
  /** Whether the server has answered. */
  #isOpen = false
  /** The dial is given up: whatever the socket still tells is of no interest. */
  #isCancelled = false
  /** Whether the socket ended by an error. */
  #isBroken = false
  /** The piece that the socket has not taken yet; it keeps the client waiting. */
  #kept: Buffer | undefined
  /** What the TCP did not take, and how much of it is through meanwhile; it keeps the server waiting. */
  #rest: Uint8Array | undefined
  #restTaken = 0
  #hasServerEnded = false
  readonly #onWritten = (): void => this.#written()

  constructor(parts: PortableTcpOutletParts, owner: TcpOutletOwner) {
    this.#parts = parts
    this.#owner = owner
    const { request, egress, destination, port } = owner.grant
    const { buffers, keepaliveIdle } = parts
    const onRead = (length: number, buffer: Uint8Array): boolean => this.#receive(buffer.subarray(0, length))
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
      onread: { buffer: buffers.fromServers, callback: onRead },
    })
    socket.on('connect', () => this.#connected())
    socket.on('end', () => this.#ended())
    socket.on('error', (error: NodeJS.ErrnoException) => this.#failed(error))
    socket.on('close', () => this.#closed())
    this.#socket = socket
  }

  get held(): number {
    return (this.#kept?.length ?? 0) + (this.#rest?.length ?? 0)
  }

  get isBlocked(): boolean {
    return this.#kept !== undefined || this.#rest !== undefined
  }

  readable(): void {
    const socket = this.#socket
    if (!this.#isOpen || socket.destroyed) return
    const { tcp, buffers } = this.#parts
    const { handle } = this.#owner
    if (this.#kept !== undefined) {
      if (tcp.isOver(handle)) this.#owner.lingers()
      return
    }
    for (;;) {
      const { toServers } = buffers
      const count = tcp.read(handle, toServers)
      if (count === 0) break
      this.#owner.sent += count
      socket.write(count === toServers.length ? toServers : toServers.subarray(0, count), this.#onWritten)
      // What the system has not taken at once lies in the buffer until it has.
      if (socket.writableLength === 0) continue
      this.#kept = buffers.keep()
      this.#owner.stalled()
      if (tcp.isOver(handle)) this.#owner.lingers()
      return
    }
    if (tcp.ended(handle) && !socket.writableEnded) socket.end()
  }

  writable(): void {
    const rest = this.#rest
    if (rest === undefined) return
    const { tcp } = this.#parts
    const { handle } = this.#owner
    this.#restTaken += tcp.write(handle, rest.subarray(this.#restTaken))
    if (this.#restTaken < rest.length) return
    this.#dropRest()
    if (this.#hasServerEnded) this.#shutdown(handle)
    else this.#socket.resume()
  }

  finish(): void {
    const socket = this.#socket
    this.#dropRest()
    if (socket.destroyed) return
    if (!socket.writableEnded) socket.end()
    this.#owner.lingers()
  }

  reset(): void {
    const socket = this.#socket
    this.#dropRest()
    if (socket.destroyed) return
    // Which fails while the end of the stream waits behind what has been written.
    const isEnding = socket.writableEnded && !socket.writableFinished
    if (this.#isOpen && !isEnding) socket.resetAndDestroy()
    else socket.destroy()
  }

  cancel(): void {
    this.#isCancelled = true
    this.#socket.destroy()
  }

  #connected(): void {
    if (this.#isCancelled) return
    this.#isOpen = true
    this.#owner.connected()
  }

  #receive(bytes: Uint8Array): boolean {
    const { handle } = this.#owner
    if (handle < 0) return true
    this.#owner.received += bytes.length
    const { tcp, buffers, wake } = this.#parts
    const taken = tcp.write(handle, bytes)
    if (taken > 0) wake()
    if (taken === bytes.length) return true
    this.#rest = buffers.copy(bytes.subarray(taken))
    this.#owner.stalled()
    return false
  }

  #written(): void {
    if (this.#kept === undefined || this.#socket.writableLength !== 0) return
    this.#giveBack()
    if (this.#owner.handle < 0) return
    this.readable()
    this.#parts.wake()
  }

  #ended(): void {
    this.#hasServerEnded = true
    const { handle } = this.#owner
    if (handle < 0 || this.#rest !== undefined) return
    this.#shutdown(handle)
    this.#parts.wake()
  }

  #shutdown(handle: number): void {
    const { tcp } = this.#parts
    tcp.shutdown(handle)
    if (this.#kept !== undefined && tcp.isOver(handle)) this.#owner.lingers()
  }

  #failed({ code = 'UNKNOWN', syscall }: NodeJS.ErrnoException): void {
    if (this.#isCancelled) return
    if (this.#isOpen) {
      this.#isBroken = true
      return
    }
    this.#isCancelled = true
    // Of a bind, the system tells at once that it lacks the address; that the port is taken it tells when connecting.
    this.#owner.failed({ code, isAddress: syscall === 'bind' && code === 'EADDRNOTAVAIL' })
  }

  #closed(): void {
    if (this.#isCancelled) return
    this.#giveBack()
    this.#dropRest()
    this.#owner.closed(this.#isBroken)
  }

  #giveBack(): void {
    if (this.#kept !== undefined) this.#parts.buffers.giveBack(this.#kept)
    this.#kept = undefined
  }

  #dropRest(): void {
    if (this.#rest !== undefined) this.#parts.buffers.drop(this.#rest)
    this.#rest = undefined
    this.#restTaken = 0
  }
}
