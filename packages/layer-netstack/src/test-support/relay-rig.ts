import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { HOST_SUPER_PACKETS, type IpPacket, type Layer, type RunningStack, type Runtime, stack } from '@millrace/core'
import type { SocketsOptions } from '../sockets/options.ts'
import { type SocketsEndpoint, sockets } from '../sockets/sockets.ts'
import type { TcpOptions } from '../tcp/options.ts'
import { type ClientConnection, ClientEnd } from './client-end.ts'

/** The client's address, that of servers, and the one that flows go out from. */
const CLIENT: Uint8Array = Uint8Array.of(10, 9, 0, 2)
export const SERVER = '127.0.0.2'
const EGRESS = '127.0.0.1'

const asking: Layer<IpPacket> = {
  layer: (inner) => inner,
  start: (context) => context.require(HOST_SUPER_PACKETS, 'sockets take super-packets').enable(),
}

/** A client's stack, joined to `sockets()` in memory, and what it may reach on loopback. */
export class RelayRig implements AsyncDisposable {
  readonly client: ClientEnd
  readonly end: SocketsEndpoint
  readonly running: RunningStack
  readonly #servers: Server[] = []
  readonly #accepted = new Set<Socket>()
  #port = 20_000

  static async start(options: SocketsOptions = {}, client: TcpOptions = {}, runtime?: Runtime): Promise<RelayRig> {
    const wire = new ClientEnd({ memory: 2 ** 25, ...client })
    const end = sockets({ egressIp: EGRESS, allow: [`${SERVER}/32`], holdDown: 0, ...options })
    const running = await stack<IpPacket>(wire, { runtime }).layer(asking).end(end).start()
    return new RelayRig(wire, end, running)
  }

  private constructor(client: ClientEnd, end: SocketsEndpoint, running: RunningStack) {
    this.client = client
    this.end = end
    this.running = running
  }

  /** A server on loopback, and its port. */
  async serve(onConnection: (socket: Socket) => void, address: string = SERVER): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#accepted.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#accepted.delete(socket))
      onConnection(socket)
    })
    this.#servers.push(server)
    server.listen({ port: 0, host: address, backlog: 4096 })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** A connection of the client's. */
  dial(port: number, address: string = SERVER): ClientConnection {
    return this.client.dial(CLIENT, this.#port++, Uint8Array.from(address.split('.').map(Number)), port)
  }

  /** Stops the stack alone. */
  stop(): Promise<void> {
    return this.running.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.stop()
    for (const socket of this.#accepted) socket.destroy()
    for (const server of this.#servers) server.close()
  }
}

/** Waits until something is true; throws when it has not become so in 20 seconds. */
export async function until(what: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!what()) {
    if (performance.now() > deadline) throw new Error(`never true: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
