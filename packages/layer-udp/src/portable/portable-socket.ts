import { createSocket, type Socket, type SocketOptions } from 'node:dgram'
import { once } from 'node:events'
import type { SocketAddress } from '@millrace/core'
import type { BoundSocket } from '../pair.ts'
import { SOCKET_BUFFER } from '../wire.ts'

type OnMessage = (message: Uint8Array, family: 4 | 6, address: string, port: number) => void

/** A bound `node:dgram` socket that knows how much it has under way. */
export class PortableSocket implements BoundSocket {
  readonly family: 4 | 6
  readonly #socket: Socket
  #pending = 0
  #allSent: (() => void) | undefined

  constructor(family: 4 | 6, socket: Socket) {
    this.family = family
    this.#socket = socket
  }

  get port(): number {
    return this.#socket.address().port
  }

  /** Datagrams handed to the system and not yet taken by it. */
  get pending(): number {
    return this.#pending
  }

  listen(onMessage: OnMessage, onError: (error: Error) => void): void {
    this.#socket.on('message', (message, { address, port }) => onMessage(message, this.family, address, port))
    this.#socket.on('error', onError)
  }

  /** `done` is given the code of the system's error, if there is one. Throws, without calling it, if Node refuses. */
  send(memory: Uint8Array, at: number, size: number, to: SocketAddress, done: (code?: string) => void): void {
    this.#socket.send(memory, at, size, to.port, to.address, (error) => {
      done(error === null ? undefined : ((error as NodeJS.ErrnoException).code ?? 'EIO'))
      if (--this.#pending === 0) this.#allSent?.()
    })
    this.#pending++
  }

  /** Waits until the system has taken what was handed to it, then closes. */
  async close(): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#allSent = resolve
      })
    }
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }
}

export async function bindSocket(family: 4 | 6, port: number, address?: string): Promise<PortableSocket> {
  const options: SocketOptions = {
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    recvBufferSize: SOCKET_BUFFER,
    sendBufferSize: SOCKET_BUFFER,
    // Addresses come in as numbers. The default would take each through the resolver and a turn of the event loop.
    lookup: (host, _options, callback) => callback(null, host, family),
  }
  const socket = createSocket(options)
  const listening = once(socket, 'listening')
  socket.bind({ port, ...(address === undefined ? {} : { address }) })
  const bound = new PortableSocket(family, socket)
  try {
    await listening
  } catch (error) {
    await bound.close()
    throw error
  }
  return bound
}
