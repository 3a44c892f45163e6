import { EventEmitter } from 'node:events'
import {
  type BindArgument,
  type BindOptions,
  type Message,
  readBindArguments,
  readSendArguments,
  type SendArgument,
} from './datagram-arguments.ts'
import { DatagramNames, type ResolveName } from './datagram-names.ts'
import { type DatagramEnd, type DatagramHost, DatagramPort } from './datagram-port.ts'
import { addressBytes, addressText } from './host-addresses.ts'
import { checkPort } from './ports.ts'
import { socketError } from './socket-error.ts'

export interface DatagramSocketOptions {
  /** `udp4` and `udp6` for one family. Default: both. */
  readonly type?: 'udp4' | 'udp6'
  /** Bytes that may wait to be read, 256 for each datagram besides; what comes then is dropped. Default 4 MiB. */
  readonly receiveBuffer?: number
  /** Looks up names in `send` and `connect`. Default: there are only addresses. */
  readonly resolve?: ResolveName
}

/** As of `node:dgram`. */
export interface DatagramAddress {
  readonly address: string
  readonly family: 'IPv4' | 'IPv6'
  readonly port: number
}

/** What a datagram socket tells. */
export interface DatagramSocketEvents {
  message: [bytes: Buffer, from: DatagramAddress & { readonly size: number }]
  listening: []
  connect: []
  error: [error: Error]
  close: []
}

const RECEIVE_BUFFER = 4 * 2 ** 20

/**
 * A UDP socket inside the tunnel, with the methods and events of one of `node:dgram`: `message`, `listening`, `connect`,
 * `error`, `close`. What it sends may be up to 65,507 bytes; what does not fit the MTU goes in fragments. There is no
 * multicast and no broadcast. `ref` and `unref` do nothing: what keeps the process alive is the stack.
 */
export class TunnelDatagramSocket extends EventEmitter<DatagramSocketEvents> implements AsyncDisposable {
  readonly #type: 'udp4' | 'udp6' | undefined
  readonly #names: DatagramNames
  readonly #port: DatagramPort
  #isClosed = false

  /** Made by `createSocket` of a host. */
  constructor(host: DatagramHost, { type, receiveBuffer = RECEIVE_BUFFER, resolve }: DatagramSocketOptions = {}) {
    super()
    this.#type = type
    this.#names = new DatagramNames(resolve)
    this.#port = new DatagramPort(host, type === undefined ? 0 : type === 'udp4' ? 4 : 16, receiveBuffer, {
      message: ({ bytes, address, port }) =>
        void this.emit('message', bytes, { ...placed(address, port), size: bytes.length }),
      failed: (code) => void (this.#isClosed || this.emit('error', socketError(code, 'recvmsg'))),
      closed: () => void this.close(),
    })
  }

  /** Begins to receive; `listening` follows. What stands against it is an `error`. */
  bind(port?: number, address?: string, callback?: () => void): this
  bind(port: number, callback?: () => void): this
  bind(options: BindOptions, callback?: () => void): this
  bind(callback?: () => void): this
  bind(...args: readonly BindArgument[]): this {
    const { port, address, callback } = readBindArguments(args)
    checkPort(port, 'bind port')
    if (callback !== undefined) this.once('listening', callback)
    try {
      if (this.#port.isBound) throw new Error('the socket is bound already')
      this.#bind({ port, ...(address === undefined ? {} : { address }) })
    } catch (error) {
      process.nextTick(() => this.emit('error', error as Error))
    }
    return this
  }

  /** Sends to and receives from this end only from now on; `connect` follows, or `error`. */
  connect(port: number, address: string, callback?: () => void): void {
    checkPort(port, 'connect port', 1)
    if (callback !== undefined) this.once('connect', callback)
    const connected = (bytes: Uint8Array): void => {
      if (this.#isClosed) return
      if (!this.#port.isBound) this.#bind({})
      this.#port.remote = { bytes, port }
      // A handler that throws is not what the promise is about.
      process.nextTick(() => this.emit('connect'))
    }
    this.#names
      .find(address)
      .then(connected)
      .catch((error) => process.nextTick(() => this.emit('error', error)))
  }

  disconnect(): void {
    this.#port.remote = undefined
  }

  /**
   * As of `node:dgram`: `send(message, [offset, length,] [port, [address,]] [callback])`. While
   * the addresses of 256 datagrams are being looked up, others to names fail with ENOBUFS.
   */
  send(message: Message, ...args: readonly SendArgument[]): void {
    const { remote } = this.#port
    const { bytes, port, address, callback } = readSendArguments(message, args, remote !== undefined)
    const done = (error: Error | null): void => {
      if (callback !== undefined) process.nextTick(callback, error, error === null ? bytes.length : 0)
      else if (error !== null) process.nextTick(() => this.#isClosed || this.emit('error', error))
    }
    if (remote !== undefined) {
      this.#send(remote, bytes, done)
      return
    }
    const toPort = port ?? 0
    checkPort(toPort, 'send port', 1)
    const to = addressBytes(address ?? '')
    if (to !== undefined) {
      this.#send({ bytes: to, port: toPort }, bytes, done)
      return
    }
    // Until it is sent its owner may write something else there.
    const copy = bytes.slice()
    this.#names.find(address ?? '').then((found) => this.#send({ bytes: found, port: toPort }, copy, done), done)
  }

  /** Throws while it is not bound. */
  address(): DatagramAddress {
    const { address, port } = this.#port.local
    if (port === 0) throw new Error('the socket is not bound')
    return placed(address ?? (this.#type === 'udp4' ? '0.0.0.0' : '::'), port)
  }

  /** Throws while it is not connected. */
  remoteAddress(): DatagramAddress {
    const { remote } = this.#port
    if (remote === undefined) throw new Error('the socket is not connected')
    return placed(addressText(remote.bytes), remote.port)
  }

  close(callback?: () => void): this {
    if (this.#isClosed) {
      if (callback !== undefined) process.nextTick(callback)
      return this
    }
    if (callback !== undefined) this.once('close', callback)
    this.#isClosed = true
    this.#port.release()
    process.nextTick(() => this.emit('close'))
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) await new Promise<void>((resolve) => this.close(resolve))
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  #bind(options: BindOptions): void {
    if (this.#isClosed) throw new Error('the socket is closed')
    this.#port.bind(options)
    process.nextTick(() => this.emit('listening'))
  }

  #send(to: DatagramEnd, bytes: Uint8Array, done: (error: Error | null) => void): void {
    try {
      if (!this.#port.isBound) this.#bind({})
      this.#port.send(to, bytes)
      done(null)
    } catch (error) {
      done(error as Error)
    }
  }
}

function placed(address: string, port: number): DatagramAddress {
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port }
}
