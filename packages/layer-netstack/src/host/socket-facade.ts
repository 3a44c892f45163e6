import { Duplex, type DuplexOptions } from 'node:stream'
import type { FlowEnd } from './flow.ts'
import { IdleTimer } from './idle-timer.ts'

/**
 * What a Duplex needs to be taken for a `net.Socket`, beside its streams: ends, states and timeouts. Segments are never
 * held back for more to come (RFC 9293 §3.7.4 leaves that to us), so `setNoDelay` changes nothing; probes of idle
 * connections are an option of the host, so neither does `setKeepAlive`. What keeps the process alive is the stack, until
 * it is stopped: `ref` and `unref` do nothing.
 */
export abstract class SocketFacade extends Duplex {
  /** Milliseconds without traffic before `timeout` is emitted, if `setTimeout` was called. */
  timeout: number | undefined
  connecting = true
  protected readonly idle: IdleTimer = new IdleTimer(() => void this.emit('timeout'))
  protected local: FlowEnd | undefined
  protected remote: FlowEnd | undefined

  constructor(options: DuplexOptions) {
    // As a net.Socket it emits `close` itself, with whether there was an error.
    super({ ...options, emitClose: false })
  }

  get pending(): boolean {
    return this.connecting || this.destroyed
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  get bufferSize(): number {
    return this.writableLength
  }

  get localAddress(): string | undefined {
    return this.local?.address
  }

  get localPort(): number | undefined {
    return this.local?.port
  }

  get localFamily(): string | undefined {
    return familyOf(this.local)
  }

  get remoteAddress(): string | undefined {
    return this.remote?.address
  }

  get remotePort(): number | undefined {
    return this.remote?.port
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remote)
  }

  /** The local end; empty while there is none. */
  address(): { readonly address?: string; readonly family?: string; readonly port?: number } {
    const family = familyOf(this.local)
    return this.local === undefined || family === undefined ? {} : { ...this.local, family }
  }

  /** Emits `timeout` when nothing has gone either way for so many milliseconds; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    if (!(milliseconds >= 0)) throw new RangeError(`timeout: expected milliseconds from 0 on, got ${milliseconds}`)
    this.timeout = milliseconds
    if (!this.destroyed) this.idle.set(milliseconds)
    if (callback !== undefined) {
      if (milliseconds === 0) this.removeListener('timeout', callback)
      else this.once('timeout', callback)
    }
    return this
  }

  setNoDelay(_noDelay?: boolean): this {
    return this
  }

  setKeepAlive(_enable?: boolean, _initialDelay?: number): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  /** Ends when everything has been written. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }
}

function familyOf(end: FlowEnd | undefined): 'IPv4' | 'IPv6' | undefined {
  return end && (end.address.includes(':') ? 'IPv6' : 'IPv4')
}
