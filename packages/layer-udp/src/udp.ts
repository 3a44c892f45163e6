import {
  asDatagram,
  type Batch,
  Burst,
  ConfigurationError,
  type Context,
  type Datagram,
  type Endpoint,
  EnvironmentError,
  type Service,
  SocketAddress,
} from '@millrace/core'
import { bindPair, type SocketPair } from './bind.ts'

export interface UdpOptions {
  /** UDP port, the same for IPv4 and IPv6. Default 0: the system picks a free one. */
  readonly port?: number
  /** Listen on this address only, IPv4 or IPv6. Default: all addresses of both families. */
  readonly address?: string
}

/** The UDP endpoint, and the port it got. */
export interface UdpEndpoint extends Endpoint<Datagram> {
  /** The port in use, host order; 0 before start. */
  readonly port: number
}

/** Datagrams served in one batch at most; what else has arrived follows in the next. */
const BATCH = 64
/** Datagrams handed to the system and not yet taken by it, at most. */
const PENDING = 2048

/**
 * UDP over IPv4 and IPv6 on one port, by `node:dgram`: correct everywhere Node runs, one system call a datagram.
 * A super-packet (`segmentSize`) leaves as the datagrams it stands for.
 */
export function udp({ port = 0, address }: UdpOptions = {}): UdpEndpoint {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ConfigurationError(`udp port: expected a number from 0 to 65535, got ${port}`)
  }
  return new DgramEndpoint(port, address)
}

class DgramEndpoint implements UdpEndpoint {
  readonly name = 'udp'
  readonly #wantedPort: number
  readonly #address: string | undefined
  #stack: Service<Datagram> | undefined
  #context: Context | undefined
  #sockets: SocketPair | undefined
  #burst: Burst<Datagram> | undefined
  #flushScheduled = false
  #pending = 0
  #allSent: (() => void) | undefined

  constructor(port: number, address: string | undefined) {
    this.#wantedPort = port
    this.#address = address
  }

  get port(): number {
    return this.#sockets?.port ?? 0
  }

  connect(stack: Service<Datagram>): Service<Datagram> {
    this.#stack = stack
    return { serve: (batch) => this.#serve(batch) }
  }

  async start(context: Context): Promise<void> {
    const sockets = await bindPair(this.#wantedPort, this.#address).catch((error: NodeJS.ErrnoException) => {
      throw explained(error, this.#wantedPort, this.#address)
    })
    this.#context = context
    this.#burst = new Burst(context.pool)
    this.#sockets = sockets
    for (const [family, socket] of sockets.byFamily) {
      socket.on('message', (message, { address, port }) =>
        this.#receive(message, new SocketAddress(family, address, port)),
      )
      socket.on('error', (error) => context.logger.warn({ err: error, family }, 'udp socket'))
    }
  }

  /** Waits until the system has taken what was handed to it, then closes. */
  async stop(): Promise<void> {
    const sockets = this.#sockets
    if (sockets === undefined) return
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#allSent = resolve
      })
    }
    this.#sockets = undefined
    this.#flush()
    await sockets.close()
  }

  /** libuv reads many datagrams before it comes back to us; they are gathered and served as one batch. */
  #receive(message: Uint8Array, remote: SocketAddress): void {
    const context = this.#context as Context
    const burst = this.#burst as Burst<Datagram>
    const packet = burst.acquire(message.length)
    if (packet === undefined) {
      context.drop('pool-empty')
      return
    }
    packet.memory.set(message, packet.offset)
    packet.length = message.length
    packet.remote = remote
    packet.arrival = context.clock.now()
    burst.push(asDatagram(packet))
    if (burst.length >= BATCH) this.#flush()
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true
      setImmediate(() => {
        this.#flushScheduled = false
        this.#flush()
      })
    }
  }

  #flush(): void {
    if (this.#stack !== undefined) this.#burst?.serve(this.#stack)
  }

  #serve(batch: Batch<Datagram>): void {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const socket = this.#sockets?.byFamily.get(packet.remote.family)
      if (socket === undefined) batch.drop(packet, this.#sockets === undefined ? 'not-open' : 'no-socket-of-family')
      else this.#send(batch, packet, socket)
    }
  }

  #send(
    batch: Batch<Datagram>,
    packet: Datagram,
    socket: NonNullable<ReturnType<SocketPair['byFamily']['get']>>,
  ): void {
    const { memory, offset, length, remote } = packet
    const step = packet.segmentSize === 0 ? length : packet.segmentSize
    for (let at = 0; at === 0 || at < length; at += step) {
      if (this.#pending >= PENDING) {
        batch.drops.count('send-queue-full', 1)
        continue
      }
      // The system may take the bytes later than now: the packet is held until it has.
      packet.retain()
      this.#pending++
      try {
        socket.send(memory, offset + at, Math.min(step, length - at), remote.port, remote.address, (error) => {
          packet.release()
          if (error !== null) this.#context?.drop(reasonOf(error))
          if (--this.#pending === 0) this.#allSent?.()
        })
      } catch (error) {
        packet.release()
        this.#pending--
        batch.drops.count(reasonOf(error as NodeJS.ErrnoException), 1)
      }
    }
  }
}

function reasonOf({ code }: NodeJS.ErrnoException): string {
  if (code === 'EMSGSIZE') return 'datagram-too-large'
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH') return 'unreachable'
  return 'send-failed'
}

function explained(error: NodeJS.ErrnoException, port: number, address = 'all addresses'): Error {
  const where = `UDP port ${port} on ${address}`
  if (error.code === 'EADDRINUSE') return new EnvironmentError(`${where} is in use by another program`)
  if (error.code === 'EACCES') return new EnvironmentError(`${where} needs more privileges: ports below 1024 do`)
  if (error.code === 'EADDRNOTAVAIL') return new EnvironmentError(`${where}: this machine does not have that address`)
  return error
}
