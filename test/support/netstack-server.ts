import { createHash, type Hash } from 'node:crypto'
import { Burst, type Context, type Endpoint, type IpPacket, type Service, type Timer } from '@millrace/core'
import { Tcp, type TcpListener } from '@millrace/layer-netstack'
import { writePattern } from './pattern.ts'

/** What stands where the wire would: a userspace TCP that answers every address, and writes and checks a stream. */
export class NetstackServer implements Endpoint<IpPacket>, TcpListener {
  readonly name = 'netstack'
  readonly received: Hash = createHash('sha256')
  receivedBytes = 0
  superPackets = 0
  cause: string | undefined
  readonly #size: number
  #written = 0
  #stack: Service<IpPacket> = { serve() {} }
  #context: Context | undefined
  #burst: Burst<IpPacket> | undefined
  #tcp: Tcp | undefined
  #timer: Timer | undefined
  readonly #piece = new Uint8Array(262_144)

  /** It writes `size` bytes to whoever connects, and half-closes. */
  constructor(size: number) {
    this.#size = size
  }

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    this.#stack = stack
    return {
      serve: (batch) => {
        const now = (this.#context as Context).clock.now()
        for (let i = 0; i < batch.length; i++) {
          const packet = batch.at(i)
          if (packet.segmentSize > 0) this.superPackets++
          const reason = this.#tcp?.receive(packet, now)
          if (reason !== undefined) batch.drop(packet, reason)
        }
        this.#pump()
      },
    }
  }

  start(context: Context): void {
    this.#context = context
    this.#burst = new Burst(context.pool)
    const { clock, random, pool } = context
    this.#tcp = new Tcp({}, { outbox: this.#burst, sums: pool.sums, random, now: clock.now() })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  incoming(handle: number): void {
    this.#tcp?.accept(handle)
  }

  established(handle: number): void {
    this.writable(handle)
  }

  writable(handle: number): void {
    while (this.#written < this.#size) {
      const length = Math.min(this.#piece.length, this.#size - this.#written)
      writePattern(this.#piece, this.#written)
      const taken = this.#tcp?.write(handle, this.#piece.subarray(0, length)) ?? 0
      this.#written += taken
      if (taken < length) return
    }
    this.#tcp?.shutdown(handle)
  }

  readable(handle: number): void {
    const tcp = this.#tcp as Tcp
    for (let piece = tcp.peek(handle); piece.length > 0; piece = tcp.peek(handle)) {
      this.received.update(piece)
      this.receivedBytes += piece.length
      tcp.consume(handle, piece.length)
    }
  }

  closed(_handle: number, cause: string): void {
    this.cause = cause
  }

  #pump(): void {
    const { clock } = this.#context as Context
    const tcp = this.#tcp as Tcp
    const burst = this.#burst as Burst<IpPacket>
    const now = clock.now()
    for (let more = true; more; ) {
      tcp.dispatch(this)
      const isMore = tcp.flush(now)
      more = (isMore && burst.length > 0) || tcp.hasEvents
      burst.serve(this.#stack)
    }
    this.#timer?.cancel()
    if (tcp.deadline === Number.POSITIVE_INFINITY) return
    this.#timer = clock.setTimer(tcp.deadline - now, () => {
      tcp.advance(clock.now())
      this.#pump()
    })
  }
}
