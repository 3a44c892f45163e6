import {
  asDatagram,
  type Batch,
  Burst,
  type Datagram,
  EnvironmentError,
  type Service,
  SocketAddress,
} from '@millrace/core'
import { sendReason } from '../errors.ts'
import { NO_OFFLOADS, type Offloads } from '../options.ts'
import { bindPair, closePair, type SocketPair } from '../pair.ts'
import { BATCH, type Wire, type WireSetup } from '../wire.ts'
import { bindSocket, type PortableSocket } from './portable-socket.ts'

/** Datagrams handed to the system and not yet taken by it, at most. */
const PENDING = 2048
/** Turns of the event loop in which a port that was given up may still deliver what has come in at it, at most. */
const LAST_TURNS = 64

/** UDP by `node:dgram`: one system call a datagram, no local addresses, no mark. */
export class PortableWire implements Wire {
  readonly superPackets: undefined = undefined
  readonly shedding: undefined = undefined
  readonly offload: Offloads = NO_OFFLOADS
  readonly #setup: WireSetup
  readonly #burst: Burst<Datagram>
  readonly #onMessage: (message: Uint8Array, family: 4 | 6, address: string, port: number) => void
  #sockets: SocketPair<PortableSocket>
  #received = 0
  #flushScheduled = false
  #stopped = false

  private constructor(setup: WireSetup, sockets: SocketPair<PortableSocket>) {
    this.#setup = setup
    this.#burst = new Burst(setup.context.pool)
    this.#onMessage = (message, family, address, port) => {
      this.#receive(message, new SocketAddress(family, address, port))
    }
    this.#sockets = sockets
    this.#listen()
  }

  static async open(setup: WireSetup): Promise<PortableWire> {
    if (setup.mark !== 0) throw new EnvironmentError(NO_MARK)
    return new PortableWire(setup, await bindPair(bindSocket, setup.port, setup.address))
  }

  get port(): number {
    return this.#sockets.port
  }

  async setPort(port: number): Promise<void> {
    const before = this.#sockets
    const sockets = await bindPair(bindSocket, port, this.#setup.address)
    if (this.#stopped) return closePair(sockets)
    this.#sockets = sockets
    this.#listen()
    // What had come in at the old port is read in the next turns; the first in which nothing comes is the last.
    for (let turn = 0, seen = -1; turn < LAST_TURNS && seen !== this.#received; turn++) {
      seen = this.#received
      await oneTurn()
      await oneTurn()
    }
    await closePair(before)
  }

  setMark(mark: number): void {
    if (mark !== 0) throw new EnvironmentError(NO_MARK)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#burst.length > 0) this.#setup.context.drop('stopped', this.#burst.length)
    this.#burst.serve(nobody)
    await closePair(this.#sockets)
  }

  serve(batch: Batch<Datagram>): void {
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      const socket = packet.remote.family === 4 ? this.#sockets.ipv4 : this.#sockets.ipv6
      if (socket === undefined) batch.drop(packet, 'no-socket-of-family')
      else this.#send(batch, packet, socket)
    }
  }

  #listen(): void {
    const { ipv4, ipv6 } = this.#sockets
    const { logger } = this.#setup.context
    for (const socket of [ipv4, ipv6]) {
      socket?.listen(this.#onMessage, (err) => logger.warn({ err, family: socket.family }, 'udp socket'))
    }
  }

  /** libuv reads many datagrams before it comes back to us; they are gathered and served as one batch. */
  #receive(message: Uint8Array, remote: SocketAddress): void {
    if (this.#stopped) return
    this.#received++
    const { context } = this.#setup
    const packet = this.#burst.acquire(message.length)
    if (packet === undefined) {
      context.drop('pool-empty')
      return
    }
    packet.memory.set(message, packet.offset)
    packet.length = message.length
    packet.remote = remote
    packet.arrival = context.clock.now()
    this.#burst.push(asDatagram(packet))
    if (this.#burst.length >= BATCH) this.#flush()
    else if (!this.#flushScheduled) {
      this.#flushScheduled = true
      setImmediate(() => {
        this.#flushScheduled = false
        this.#flush()
      })
    }
  }

  #flush(): void {
    this.#burst.serve(this.#setup.stack)
  }

  #send(batch: Batch<Datagram>, packet: Datagram, socket: PortableSocket): void {
    const { memory, offset, length, remote } = packet
    const step = packet.segmentSize > 0 ? packet.segmentSize : Math.max(length, 1)
    for (let at = 0; at === 0 || at < length; at += step) {
      if (socket.pending >= PENDING) {
        batch.drops.count('send-queue-full', 1)
        continue
      }
      // The system may take the bytes later than now: the packet is held until it has.
      packet.retain()
      try {
        socket.send(memory, offset + at, Math.min(step, length - at), remote, (code) => {
          packet.release()
          if (code !== undefined) this.#setup.context.drop(sendReason(code))
        })
      } catch (error) {
        packet.release()
        batch.drops.count(sendReason((error as NodeJS.ErrnoException).code), 1)
      }
    }
  }
}

const nobody: Service<Datagram> = { serve() {} }

const NO_MARK = 'udp mark: needs the native sockets (Linux, koffi); node:dgram cannot mark what it sends'

function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
