import type { CloseCause } from '../tcp/listener.ts'
import type { Flow, FlowOwner } from './flow.ts'
import { PendingWrite, type Written } from './pending-write.ts'
import { codeOf, socketError } from './socket-error.ts'
import { SocketFacade } from './socket-facade.ts'

export interface TunnelSocketOptions {
  /** As of `net.Socket`: whether writing goes on when the other end has ended. Default false: it ends with it. */
  readonly allowHalfOpen?: boolean
  /** Bytes that are held ready for a reader, and for the stack to take. Default 65,536. */
  readonly highWaterMark?: number
}

/** Who is told how the opening of a flow turns out. */
export interface FlowSeeker extends FlowOwner {
  failed(error: Error): void
}

/** An opening under way. */
export interface Search {
  cancel(): void
}

/**
 * A TCP connection through the tunnel: a Duplex with the properties, methods, events and error codes of a `net.Socket`,
 * made by `dial` and by servers.
 */
export class TunnelSocket extends SocketFacade {
  bytesRead = 0
  #flow: Flow | undefined
  #search: Search | undefined
  #wantsBytes = false
  #hasEnded = false
  /** Bytes handed over to be written, ever. */
  #handedOver = 0
  readonly #write = new PendingWrite()
  #finish: Written | undefined

  /** `begin` is given who is to be told of the flow, and returns the search for one, or a flow that is open. */
  constructor(begin: (seeker: FlowSeeker) => Search | Flow, options: TunnelSocketOptions = {}) {
    const { allowHalfOpen = false, highWaterMark = 65_536 } = options
    super({ allowHalfOpen, highWaterMark })
    const found = begin({
      opened: (flow) => this.#opened(flow),
      readable: () => this.#pull(),
      writable: () => this.#push(),
      closed: (cause) => this.#closed(cause),
      failed: (error) => void this.destroy(error),
    })
    if ('local' in found) this.#join(found)
    else this.#search = found
  }

  /** Bytes written by the program, those that wait included. */
  get bytesWritten(): number {
    return this.#handedOver + this.writableLength - this.#write.bytes
  }

  /** Ends at once, with a RST. */
  resetAndDestroy(): this {
    this.#flow?.abort()
    this.#flow = undefined
    return this.destroy()
  }

  override _read(): void {
    this.#wantsBytes = true
    this.#pull()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Written): void {
    this.#take([chunk], done)
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: Written): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: Written): void {
    if (this.#flow === undefined) {
      this.#finish = done
      return
    }
    this.#flow.shutdown()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.connecting = false
    this.idle.set(0)
    this.#search?.cancel()
    this.#search = undefined
    this.#flow?.close()
    this.#flow = undefined
    this.#write.fail(error ?? new Error('the socket was closed before this was written'))
    done(error)
    process.nextTick(() => this.emit('close', error !== null))
  }

  /** The flow that was sought. */
  #opened(flow: Flow): void {
    this.#search = undefined
    this.#join(flow)
    this.emit('connect')
    this.emit('ready')
    this.#push()
    const finish = this.#finish
    this.#finish = undefined
    if (finish !== undefined && this.#flow !== undefined) this._final(finish)
    if (!this.isPaused()) this.read(0)
    this.#pull()
  }

  #join(flow: Flow): void {
    this.#flow = flow
    this.local = flow.local
    this.remote = flow.remote
    this.connecting = false
    this.idle.refresh()
  }

  /** Gives the reader as much as it asks for; what it does not take stays in the stack, and the other end is told to wait. */
  #pull(): void {
    while (this.#wantsBytes && this.#flow !== undefined) {
      const bytes = this.#flow.read()
      if (bytes === undefined) break
      this.bytesRead += bytes.length
      this.idle.refresh()
      if (!this.push(bytes)) this.#wantsBytes = false
    }
    if (this.#flow?.ended === true) this.#end()
  }

  #end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.push(null)
    this.read(0)
  }

  #take(chunks: readonly Uint8Array[], done: Written): void {
    this.#write.begin(chunks, done)
    this.#handedOver += this.#write.bytes
    this.#push()
  }

  #push(): void {
    if (this.#flow !== undefined && this.#write.push(this.#flow)) this.idle.refresh()
  }

  #closed(cause: CloseCause): void {
    this.#flow = undefined
    if (this.destroyed) return
    if (cause === 'finished') this.#end()
    // The stack has stopped, by the program's own will.
    else if (cause === 'aborted') this.destroy()
    else this.destroy(socketError(codeOf(cause), 'read'))
  }
}
