import type { CloseCause } from '../tcp/listener.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { addressText } from './host-addresses.ts'
import type { Notice, Notices } from './notices.ts'

/** Bytes read at once. */
const PIECE = 65_536

/** Who reads and writes a flow. */
export interface FlowOwner {
  /** Both ends know of it. */
  opened(flow: Flow): void
  readable(): void
  writable(): void
  /** It is over; nothing is told after this. */
  closed(cause: CloseCause): void
}

/** What a flow stands on. */
export interface FlowHost {
  readonly tcp: Tcp
  readonly notices: Notices
  /** There may be something to send. */
  wake(): void
  /** Nobody holds it any more. */
  forget(flow: Flow): void
}

export interface FlowEnd {
  readonly address: string
  readonly port: number
}

const OPENED = 1
const READABLE = 2
const WRITABLE = 4
const CLOSED = 8

/** A TCP connection as its owner sees it. What happens to it is told outside of the packet path. */
export class Flow implements Notice {
  readonly local: FlowEnd
  readonly remote: FlowEnd
  owner: FlowOwner | undefined
  readonly handle: number
  readonly #host: FlowHost
  #events = 0
  #cause: CloseCause = 'finished'

  constructor(host: FlowHost, handle: number) {
    this.#host = host
    this.handle = handle
    const ends = host.tcp.endpoints(handle)
    if (ends === undefined) throw new Error('a flow needs a handle that is good')
    this.local = { address: addressText(ends.localAddress), port: ends.localPort }
    this.remote = { address: addressText(ends.remoteAddress), port: ends.remotePort }
  }

  established(): void {
    this.#tell(OPENED)
  }

  readable(): void {
    this.#tell(READABLE)
  }

  writable(): void {
    this.#tell(WRITABLE)
  }

  closed(cause: CloseCause): void {
    this.#cause = cause
    this.#tell(CLOSED)
  }

  deliver(): void {
    const events = this.#events
    this.#events = 0
    if ((events & OPENED) !== 0) this.owner?.opened(this)
    if ((events & READABLE) !== 0) this.owner?.readable()
    if ((events & WRITABLE) !== 0) this.owner?.writable()
    if ((events & CLOSED) !== 0) this.owner?.closed(this.#cause)
  }

  /** What has come in, up to 64 KiB, or undefined. */
  read(): Buffer | undefined {
    const size = Math.min(this.#host.tcp.readableBytes(this.handle), PIECE)
    if (size === 0) return undefined
    const bytes = Buffer.allocUnsafe(size)
    this.#host.tcp.read(this.handle, bytes)
    this.#host.wake()
    return bytes
  }

  /** Whether all that the other end will ever send has been read. */
  get ended(): boolean {
    return this.#host.tcp.ended(this.handle)
  }

  /** Takes bytes to be sent. Returns how many; if not all, the owner is told when to go on. */
  write(bytes: Uint8Array): number {
    const taken = this.#host.tcp.write(this.handle, bytes)
    if (taken > 0) this.#host.wake()
    return taken
  }

  /** Nothing more will be written. */
  shutdown(): void {
    this.#host.tcp.shutdown(this.handle)
    this.#host.wake()
  }

  /** Lets go: what was written is still delivered. */
  close(): void {
    this.#letGo()
    this.#host.tcp.close(this.handle)
    this.#host.wake()
  }

  /** Ends it at once with a RST. */
  abort(): void {
    this.#letGo()
    this.#host.tcp.abort(this.handle)
    this.#host.wake()
  }

  #letGo(): void {
    this.owner = undefined
    this.#host.forget(this)
  }

  #tell(event: number): void {
    if (this.#events === 0) this.#host.notices.add(this)
    this.#events |= event
  }
}
