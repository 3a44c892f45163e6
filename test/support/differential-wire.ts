import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** Where the sockets are, and the address at which each reaches the implementation. The last is of the other family. */
const PLACES: readonly (readonly [string, string])[] = [
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.2', '127.0.0.1'],
  ['127.0.0.2', '127.0.0.3'],
  ['::1', '::1'],
]

export const SOCKETS: number = PLACES.length

/** Whether two sockets are of one family: what comes over different sockets of the other side has no order. */
export function sameFamily(a: number, b: number): boolean {
  return PLACES[a]?.[0].includes(':') === PLACES[b]?.[0].includes(':')
}

/** All sockets of the family of this one. */
export function ofSameFamily(socket: number): readonly number[] {
  return PLACES.map((_, number) => number).filter((number) => sameFamily(number, socket))
}

/** The places from which the attacker sends, all of them connected, so that sending is one system call. */
export class Wire {
  readonly #sockets: readonly Socket[]

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets
  }

  static async open(port: number, received: (bytes: Uint8Array, socket: number) => void): Promise<Wire> {
    const sockets: Socket[] = []
    for (const [number, [own, remote]] of PLACES.entries()) {
      const socket = createSocket(own.includes(':') ? 'udp6' : 'udp4')
      sockets.push(socket)
      socket.bind(0, own)
      await once(socket, 'listening')
      socket.connect(port, remote)
      await once(socket, 'connect')
      socket.setRecvBufferSize(4 << 20)
      // A refusal means that the implementation is gone: then something awaited does not come, and that is reported.
      socket.on('error', () => {})
      socket.on('message', (bytes) => received(bytes, number))
    }
    return new Wire(sockets)
  }

  send(bytes: Uint8Array, socket: number): void {
    this.#sockets[socket]?.send(bytes)
  }

  /** `127.0.0.1:5000` */
  endpoint(socket: number): string {
    const { address, port } = (this.#sockets[socket] as Socket).address()
    return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }
}
