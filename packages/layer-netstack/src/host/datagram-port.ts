import type { UdpRemote } from '../udp/listener.ts'
import type { BindOptions } from './datagram-arguments.ts'
import { DatagramQueue, type ReceivedDatagram } from './datagram-queue.ts'
import { addressBytes, addressText } from './host-addresses.ts'
import type { BoundPort, DatagramOwner, HostDatagrams } from './host-datagrams.ts'
import { type SocketErrorCode, socketError } from './socket-error.ts'

/** What a datagram socket needs of its host. */
export interface DatagramHost {
  /** Undefined while the stack does not run. */
  readonly datagrams: HostDatagrams | undefined
  /** Its own addresses. */
  readonly own: readonly Uint8Array[]
}

/** The other end, of 4 or 16 bytes. */
export interface DatagramEnd {
  readonly bytes: Uint8Array
  readonly port: number
}

/** What happens to a datagram port, told outside of the packet path. */
export interface DatagramEvents {
  message(datagram: ReceivedDatagram): void
  /** What was sent to the end it is connected to did not arrive. */
  failed(code: SocketErrorCode): void
  /** The stack stops. */
  closed(): void
}

/** A UDP port of a host: bound or not, connected or not, and what has come in. */
export class DatagramPort implements DatagramOwner {
  /** Datagrams come from there only, if there is one. */
  remote: DatagramEnd | undefined
  readonly #host: DatagramHost
  readonly #size: number
  readonly #events: DatagramEvents
  readonly #queue: DatagramQueue
  #datagrams: HostDatagrams | undefined
  #bound: BoundPort | undefined
  #address: string | undefined

  /** `size`: bytes of its addresses, 4 or 16, or 0 for both. */
  constructor(host: DatagramHost, size: number, receiveBuffer: number, events: DatagramEvents) {
    this.#host = host
    this.#size = size
    this.#events = events
    this.#queue = new DatagramQueue(receiveBuffer)
  }

  get isBound(): boolean {
    return this.#bound !== undefined
  }

  /** The address it is bound to, undefined for all, and the port, 0 while it is not bound. */
  get local(): { readonly address: string | undefined; readonly port: number } {
    return { address: this.#address, port: this.#bound?.port ?? 0 }
  }

  /** Throws a SocketError. */
  bind({ port = 0, address }: BindOptions): void {
    const { datagrams } = this.#host
    if (datagrams === undefined) throw socketError('ENETDOWN', 'bind')
    const isAny = address === undefined || address === '0.0.0.0' || address === '::'
    const wanted = isAny ? undefined : addressBytes(address)
    const text = wanted && addressText(wanted)
    const own = this.#host.own.filter(
      (each) => (isAny || addressText(each) === text) && (this.#size === 0 || each.length === this.#size),
    )
    if (own.length === 0) throw socketError('EADDRNOTAVAIL', 'bind', { address: address ?? '::', port })
    this.#bound = datagrams.bind(this, own, port)
    this.#datagrams = datagrams
    this.#address = text
  }

  /** Throws a SocketError. */
  send({ bytes, port }: DatagramEnd, message: Uint8Array): void {
    if (this.#bound === undefined || this.#datagrams === undefined) throw socketError('ENETDOWN', 'send')
    this.#datagrams.send(this.#bound, bytes, port, message)
  }

  release(): void {
    if (this.#bound !== undefined) this.#datagrams?.close(this.#bound)
    this.#bound = undefined
    this.#queue.clear()
  }

  take(remote: UdpRemote, bytes: Uint8Array): string | undefined {
    if (this.remote !== undefined && !isSame(remote, this.remote)) return 'udp-not-connected-to'
    const { isEmpty } = this.#queue
    if (!this.#queue.add(remote, bytes)) return 'udp-receive-queue-full'
    if (isEmpty) this.#datagrams?.notices.add(this)
    return undefined
  }

  failed(code: SocketErrorCode, remote: UdpRemote): void {
    // Only of a port with one remote end is it clear what the error is about (RFC 1122 §4.1.3.3, as kernels have it).
    if (this.remote !== undefined && isSame(remote, this.remote)) process.nextTick(() => this.#events.failed(code))
  }

  close(): void {
    this.#events.closed()
  }

  deliver(): void {
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#events.message(next)
    } finally {
      // A handler has thrown.
      if (!this.#queue.isEmpty) this.#datagrams?.notices.add(this)
    }
  }
}

function isSame(remote: UdpRemote, { bytes, port }: DatagramEnd): boolean {
  return remote.port === port && Buffer.compare(remote.address, bytes) === 0
}
