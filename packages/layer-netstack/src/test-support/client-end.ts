import {
  asIpPacket,
  Burst,
  type Context,
  type Endpoint,
  type IpPacket,
  type Peer,
  parseIp,
  type Service,
} from '@millrace/core'
import { type Machine, MachineLoop } from '../loop/machine-loop.ts'
import type { CloseCause, TcpListener } from '../tcp/listener.ts'
import type { TcpOptions } from '../tcp/options.ts'
import { Tcp } from '../tcp/tcp.ts'

/** One connection of a {@link ClientEnd}. */
export class ClientConnection {
  handle = -1
  established = false
  cause: CloseCause | undefined
  /** While true nothing is read. */
  paused = false
  ended = false
  received = 0
  onData: (bytes: Uint8Array) => void = () => {}
  onWritable: () => void = () => {}
  readonly #end: ClientEnd

  constructor(end: ClientEnd) {
    this.#end = end
  }

  write(bytes: Uint8Array): number {
    const taken = this.#end.tcp.write(this.handle, bytes)
    this.#end.wake()
    return taken
  }

  shutdown(): void {
    this.#end.tcp.shutdown(this.handle)
    this.#end.wake()
  }

  abort(): void {
    this.#end.tcp.abort(this.handle)
    this.cause ??= 'aborted'
    this.#end.wake()
  }

  /** Reads what there is, as long as it is not paused. */
  drain(): void {
    const { tcp } = this.#end
    while (!this.paused) {
      const piece = tcp.peek(this.handle)
      if (piece.length === 0) break
      this.received += piece.length
      this.onData(piece)
      tcp.consume(this.handle, piece.length)
    }
    if (tcp.ended(this.handle)) this.ended = true
    this.#end.wake()
  }
}

/** The wire of a stack of IP packets, with a client's TCP behind it; other packets may be sent, and are kept as they come. */
export class ClientEnd implements Endpoint<IpPacket>, Machine, TcpListener {
  readonly name = 'client'
  tcp!: Tcp
  /** What came in and was not TCP. */
  readonly others: Uint8Array[] = []
  /** Sees each packet that comes, even after the stop. */
  watch: (packet: IpPacket) => void = () => {}
  /** Whose packets these are. */
  peer: Peer | undefined
  readonly #options: TcpOptions
  readonly #connections = new Map<number, ClientConnection>()
  #stack: Service<IpPacket> = { serve() {} }
  #context!: Context
  #loop!: MachineLoop

  constructor(options: TcpOptions = {}) {
    this.#options = options
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return {
      serve: (batch) => {
        for (let i = 0; i < batch.length; i++) this.watch(batch.at(i))
        this.#loop.serve(batch)
      },
    }
  }

  start(context: Context): void {
    this.#context = context
    const { clock, random, pool } = context
    const marked: Service<IpPacket> = {
      serve: (batch) => {
        for (let i = 0; i < batch.length; i++) batch.at(i).peer = this.peer
        this.#stack.serve(batch)
      },
    }
    this.#loop = new MachineLoop(context, marked)
    this.tcp = new Tcp(this.#options, { outbox: this.#loop.outbox, sums: pool.sums, random, now: clock.now() })
    this.#loop.run(this)
  }

  stop(): void {
    this.#loop.stop()
  }

  wake(): void {
    this.#loop.wake()
  }

  /** Connects from a port of its own. */
  dial(from: Uint8Array, fromPort: number, to: Uint8Array, toPort: number): ClientConnection {
    const connection = new ClientConnection(this)
    const options = { localAddress: from, localPort: fromPort, remoteAddress: to, remotePort: toPort, peer: this.peer }
    connection.handle = this.tcp.connect(options, this.#context.clock.now())
    this.#connections.set(connection.handle, connection)
    this.wake()
    return connection
  }

  /** Sends packets as they are, as one batch. */
  send(...packets: readonly Uint8Array[]): void {
    const burst = new Burst<IpPacket>(this.#context.pool)
    for (const bytes of packets) {
      const packet = burst.acquire(bytes.length)
      if (packet === undefined) throw new Error('the pool is large enough for the test')
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.arrival = this.#context.clock.now()
      packet.peer = this.peer
      if (parseIp(packet) === undefined) burst.push(asIpPacket(packet))
      else packet.release()
    }
    burst.serve(this.#stack)
  }

  get deadline(): number {
    return this.tcp.deadline
  }

  get hasEvents(): boolean {
    return this.tcp.hasEvents
  }

  receive(packet: IpPacket, now: number): string | undefined {
    if (packet.protocol === 6) return this.tcp.receive(packet, now)
    this.others.push(packet.bytes().slice())
    return packet.protocol === 1 || packet.protocol === 58 ? this.tcp.receiveIcmp(packet, now) : undefined
  }

  advance(now: number): void {
    this.tcp.advance(now)
  }

  dispatch(): void {
    this.tcp.dispatch(this)
  }

  flush(now: number): boolean {
    return this.tcp.flush(now)
  }

  incoming(handle: number): void {
    this.tcp.reject(handle, 'refused')
  }

  established(handle: number): void {
    const connection = this.#connections.get(handle)
    if (connection === undefined) return
    connection.established = true
    connection.onWritable()
  }

  readable(handle: number): void {
    this.#connections.get(handle)?.drain()
  }

  writable(handle: number): void {
    this.#connections.get(handle)?.onWritable()
  }

  closed(handle: number, cause: CloseCause): void {
    const connection = this.#connections.get(handle)
    if (connection === undefined) return
    connection.drain()
    connection.cause = cause
    this.#connections.delete(handle)
  }
}
