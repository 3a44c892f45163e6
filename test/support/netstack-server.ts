import { createHash, type Hash } from 'node:crypto'
import type { Context, Endpoint, IpPacket, Service } from '@millrace/core'
import { Tcp, type TcpListener } from '@millrace/layer-netstack'
import { type Machine, MachineLoop } from '../../packages/layer-netstack/src/loop/machine-loop.ts'
import { writePattern } from './pattern.ts'

/** What stands where the wire would: a userspace TCP that answers every address, and writes and checks a stream. */
export class NetstackServer implements Endpoint<IpPacket>, Machine, TcpListener {
  readonly name = 'netstack'
  readonly received: Hash = createHash('sha256')
  receivedBytes = 0
  superPackets = 0
  cause: string | undefined
  readonly #size: number
  #written = 0
  #stack: Service<IpPacket> = { serve() {} }
  #tcp!: Tcp
  #loop!: MachineLoop
  readonly #piece = new Uint8Array(262_144)

  /** It writes `size` bytes to whoever connects, and half-closes. */
  constructor(size: number) {
    this.#size = size
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return { serve: (batch) => this.#loop.serve(batch) }
  }

  start(context: Context): void {
    const { clock, random, pool } = context
    this.#loop = new MachineLoop(context, this.#stack)
    this.#tcp = new Tcp({}, { outbox: this.#loop.outbox, sums: pool.sums, random, now: clock.now() })
    this.#loop.run(this)
  }

  stop(): void {
    this.#loop.stop()
  }

  get deadline(): number {
    return this.#tcp.deadline
  }

  get hasEvents(): boolean {
    return this.#tcp.hasEvents
  }

  receive(packet: IpPacket, now: number): string | undefined {
    if (packet.segmentSize > 0) this.superPackets++
    return this.#tcp.receive(packet, now)
  }

  advance(now: number): void {
    this.#tcp.advance(now)
  }

  dispatch(): void {
    this.#tcp.dispatch(this)
  }

  flush(now: number): boolean {
    return this.#tcp.flush(now)
  }

  incoming(handle: number): void {
    this.#tcp.accept(handle)
  }

  established(handle: number): void {
    this.writable(handle)
  }

  writable(handle: number): void {
    while (this.#written < this.#size) {
      const length = Math.min(this.#piece.length, this.#size - this.#written)
      writePattern(this.#piece, this.#written)
      const taken = this.#tcp.write(handle, this.#piece.subarray(0, length))
      this.#written += taken
      if (taken < length) return
    }
    this.#tcp.shutdown(handle)
  }

  readable(handle: number): void {
    const tcp = this.#tcp
    for (let piece = tcp.peek(handle); piece.length > 0; piece = tcp.peek(handle)) {
      this.received.update(piece)
      this.receivedBytes += piece.length
      tcp.consume(handle, piece.length)
    }
  }

  closed(_handle: number, cause: string): void {
    this.cause = cause
  }
}
