import { asIpPacket, Burst, type Context, type IpPacket, type Packet, type Service } from '@millrace/core'
import { Errno, errnoName, POLLIN, Readiness, type SystemCalls } from '@millrace/native'
import type { TunInput } from './input.ts'

/** Packets read and served before others have their turn, and bytes. */
const BATCH_PACKETS = 64
const BATCH_BYTES = 256 * 1024
/** What a packet above `SMALL` bytes counts for at least: the jumbo slots, of which it holds one, are few. */
const LARGE_BYTES = 16 * 1024
const SMALL = 2048

export interface TunReaderOptions {
  readonly system: SystemCalls
  readonly fd: number
  readonly input: TunInput
  readonly context: Context
  readonly stack: Service<IpPacket>
  /** Makes what was read a packet of the stack's, or returns the reason for a drop. */
  readonly accept: (packet: Packet) => string | undefined
  /** Called once when there is nothing more to read, and no use in trying: as a rule, the interface was deleted. */
  readonly onGone: (reason: string) => void
}

/**
 * Wakes, drains, waits: one asynchronous wait for a packet, then non-blocking reads straight into packets of the pool,
 * a batch per turn of the event loop, until there is none left.
 */
export class TunReader {
  readonly #input: TunInput
  readonly #accept: (packet: Packet) => string | undefined
  readonly #onGone: (reason: string) => void
  readonly #context: Context
  readonly #stack: Service<IpPacket>
  readonly #burst: Burst<IpPacket>
  readonly #readiness: Readiness
  readonly #onReady: (events: number) => void
  readonly #round: () => void
  #holdsLarge = false
  #stopping = false
  #waitEnded: (() => void) | undefined

  constructor({ system, fd, input, context, stack, accept, onGone }: TunReaderOptions) {
    this.#input = input
    this.#accept = accept
    this.#onGone = onGone
    this.#context = context
    this.#stack = stack
    this.#burst = new Burst(context.pool)
    this.#readiness = new Readiness(system, fd)
    this.#onReady = (events) => this.#ready(events)
    this.#round = () => this.#drain()
    this.#readiness.wait(this.#onReady)
  }

  /** Nothing is delivered once this is called; when it resolves nobody reads or waits any more. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#input.release()
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
    let bytes = 0
    for (let i = 0; i < BATCH_PACKETS && bytes < BATCH_BYTES && result >= 0; i++) {
      result = this.#readOne(arrival)
      bytes += result > SMALL ? Math.max(result, LARGE_BYTES) : result
    }
    this.#serve()
    // A layer may have stopped the stack with what it was just served.
    if (this.#stopping) return
    if (result >= 0 || result === -Errno.EINTR) {
      setImmediate(this.#round)
      return
    }
    this.#input.release()
    if (result === -Errno.EAGAIN) this.#readiness.wait(this.#onReady)
    else this.#ended(result === -Errno.EBADFD ? 'the interface is gone' : errnoName(result))
  }

  #readOne(arrival: number): number {
    this.#acquire()
    if (this.#stopping) return -Errno.EAGAIN
    const length = this.#input.read()
    if (length < 0) return length
    const packet = this.#input.take(length)
    if (packet === undefined) {
      this.#context.drop('pool-empty')
      return length
    }
    const reason = this.#accept(packet)
    if (reason !== undefined) {
      this.#context.drop(reason, packet.segments)
      packet.release()
      return length
    }
    packet.arrival = arrival
    this.#burst.push(asIpPacket(packet))
    this.#holdsLarge ||= length > SMALL
    return length
  }

  /** When the pool is empty because of what this batch holds, the batch goes first. */
  #acquire(): void {
    const input = this.#input
    if (input.acquire() || (input.ready && !this.#holdsLarge)) return
    this.#serve()
    if (!this.#stopping) input.acquire()
  }

  #serve(): void {
    this.#holdsLarge = false
    this.#burst.serve(this.#stack)
  }

  #ended(reason: string): void {
    this.#context.drop('tun-gone')
    this.#onGone(reason)
  }
}
