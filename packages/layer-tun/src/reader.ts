import {
  asIpPacket,
  Burst,
  type Context,
  type IpPacket,
  type PooledPacket,
  parseIp,
  type Service,
} from '@millrace/core'
import { Errno, errnoName, POLLIN, Readiness, type SystemCalls } from '@millrace/native'
import type { TunDevice } from './device.ts'

/** Packets read and served before others have their turn. */
const BATCH = 64

export interface TunReaderOptions {
  readonly system: SystemCalls
  readonly device: TunDevice
  /** The size of packets as a rule, bytes; larger ones cost a copy. */
  readonly expected: number
  readonly context: Context
  readonly stack: Service<IpPacket>
  /** Called once when there is nothing more to read, and no use in trying: as a rule, the interface was deleted. */
  readonly onGone: (reason: string) => void
}

/**
 * Wakes, drains, waits: one asynchronous wait for a packet, then non-blocking reads straight into packets of the pool,
 * a batch per turn of the event loop, until there is none left.
 */
export class TunReader {
  readonly #device: TunDevice
  readonly #expected: number
  readonly #onGone: (reason: string) => void
  readonly #context: Context
  readonly #stack: Service<IpPacket>
  readonly #burst: Burst<IpPacket>
  readonly #readiness: Readiness
  readonly #onReady: (events: number) => void
  readonly #round: () => void
  #stopping = false
  #waitEnded: (() => void) | undefined

  constructor({ system, device, expected, context, stack, onGone }: TunReaderOptions) {
    this.#device = device
    this.#expected = expected
    this.#onGone = onGone
    this.#context = context
    this.#stack = stack
    this.#burst = new Burst(context.pool)
    this.#readiness = new Readiness(system, device.fd)
    this.#onReady = (events) => this.#ready(events)
    this.#round = () => this.#drain()
    this.#readiness.wait(this.#onReady)
  }

  /** Nothing is delivered once this is called; when it resolves nobody reads or waits any more. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    if (this.#readiness.waiting) {
      await new Promise<void>((resolve) => {
        this.#waitEnded = resolve
        this.#readiness.wake()
      })
    }
    this.#readiness.close()
  }

  #ready(events: number): void {
    if (this.#stopping) this.#waitEnded?.()
    else if (events < 0) this.#ended(errnoName(events))
    else if (events === 0) this.#readiness.wait(this.#onReady)
    else if ((events & POLLIN) !== 0) this.#drain()
    else this.#ended('the interface is gone')
  }

  #drain(): void {
    if (this.#stopping) return
    const arrival = this.#context.clock.now()
    let result = 0
    for (let i = 0; i < BATCH && result >= 0; i++) result = this.#readOne(arrival)
    this.#burst.serve(this.#stack)
    // A layer may have stopped the stack with what it was just served.
    if (this.#stopping) return
    if (result >= 0 || result === -Errno.EINTR) setImmediate(this.#round)
    else if (result === -Errno.EAGAIN) this.#readiness.wait(this.#onReady)
    else this.#ended(result === -Errno.EBADFD ? 'the interface is gone' : errnoName(result))
  }

  #readOne(arrival: number): number {
    const acquired = this.#acquire(this.#expected)
    if (this.#stopping) {
      acquired?.release()
      return -Errno.EAGAIN
    }
    if (acquired === undefined) {
      const result = this.#device.discard()
      if (result >= 0) this.#context.drop('pool-empty')
      return result
    }
    const result = this.#device.read(acquired)
    const packet = result > acquired.length ? this.#enlarged(acquired, result) : acquired
    if (packet === undefined) return result
    const reason = result < 0 ? undefined : parseIp(packet)
    if (result < 0 || reason !== undefined) {
      packet.release()
      if (reason !== undefined) this.#context.drop(reason)
      return result
    }
    packet.arrival = arrival
    this.#burst.push(asIpPacket(packet))
    return result
  }

  /** It is larger than expected. */
  #enlarged(packet: PooledPacket, length: number): PooledPacket | undefined {
    const larger = this.#acquire(length)
    if (larger === undefined) this.#context.drop('pool-empty')
    else this.#device.moveTo(larger, packet, length)
    packet.release()
    if (!this.#stopping) return larger
    larger?.release()
    return undefined
  }

  /** When the pool is empty because of what this batch holds, the batch goes first. */
  #acquire(size: number): PooledPacket | undefined {
    const packet = this.#burst.acquire(size)
    if (packet !== undefined || this.#burst.length === 0) return packet
    this.#burst.serve(this.#stack)
    return this.#burst.acquire(size)
  }

  #ended(reason: string): void {
    this.#context.drop('tun-gone')
    this.#onGone(reason)
  }
}
