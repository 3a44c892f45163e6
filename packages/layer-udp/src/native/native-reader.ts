import {
  asDatagram,
  Burst,
  type Datagram,
  type PooledPacket,
  type Service,
  TAILROOM,
  type Timer,
  TokenBucket,
} from '@millrace/core'
import { Errno, errnoName, Readiness, RouteWatch, type SystemCalls } from '@millrace/native'
import { closePair, type SocketPair } from '../pair.ts'
import { BATCH, type WireSetup } from '../wire.ts'
import type { AddressBook } from './address-book.ts'
import { Receiver } from './message.ts'
import type { NativeSocket } from './native-socket.ts'

/** Larger than any datagram. What does not fit into the packet at hand goes here first. */
const SPILL = 65_536
/** Milliseconds until the next try when receiving fails for no reason we know. */
const RETRY = 1000
/** Rounds in which a port that was given up is read empty, at most: more than a full socket buffer holds. */
const LAST_ROUNDS = 512
/** How often changes of the host may make everything learnt be looked at again. */
const CHANGES = { perSecond: 5, burst: 20 }

/**
 * Wakes, drains, waits: one asynchronous wait for both sockets and for changes of the host's routes, then non-blocking
 * reads straight into packets of the pool, a batch for each socket and turn of the event loop, until there is none left.
 */
export class NativeReader {
  readonly watch: RouteWatch | undefined
  readonly #setup: WireSetup
  readonly #book: AddressBook
  readonly #pair: SocketPair<NativeSocket>
  readonly #burst: Burst<Datagram>
  readonly #receiver: Receiver
  readonly #base: number
  readonly #spill = new Uint8Array(SPILL)
  readonly #spillAddress: number
  readonly #readiness: Readiness
  readonly #changes = new TokenBucket(CHANGES)
  readonly #onReady: (events: number) => void
  readonly #onTurn: () => void
  #changed = false
  #failures = 0
  #retry: Timer | undefined
  #stopping = false
  #waitEnded: (() => void) | undefined
  #closed: Promise<void> | undefined

  constructor(system: SystemCalls, setup: WireSetup, pair: SocketPair<NativeSocket>, book: AddressBook) {
    const { pool } = setup.context
    this.#setup = setup
    this.#book = book
    this.#pair = pair
    this.#burst = new Burst(pool)
    this.#receiver = new Receiver(system)
    this.#base = system.addressOf(pool.memory)
    this.#spillAddress = system.addressOf(this.#spill)
    this.watch = RouteWatch.open(system)
    const descriptors = [pair.ipv4?.fd, pair.ipv6?.fd, this.watch?.fd].filter((fd) => fd !== undefined)
    this.#readiness = new Readiness(system, ...descriptors)
    this.#onReady = (events) => this.#ready(events)
    this.#onTurn = () => this.#turn()
    this.#readiness.wait(this.#onReady)
  }

  /** Reads what has arrived until now, then stops. */
  async finish(): Promise<void> {
    for (let round = 0; round < LAST_ROUNDS; round++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#stopping || !this.#round()) break
    }
    await this.stop()
  }

  /** Nothing is delivered once this is called; when it resolves nobody reads or waits any more, and all is closed. */
  stop(): Promise<void> {
    this.#stopping = true
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#retry?.cancel()
    if (this.#readiness.waiting) {
      await new Promise<void>((resolve) => {
        this.#waitEnded = resolve
        this.#readiness.wake()
      })
    }
    this.#readiness.close()
    this.watch?.close()
    await closePair(this.#pair)
  }

  #ready(events: number): void {
    if (this.#stopping) this.#waitEnded?.()
    else if (events < 0) this.#fail(events)
    else if (events === 0) this.#readiness.wait(this.#onReady)
    else this.#turn()
  }

  #turn(): void {
    if (this.#stopping) return
    const more = this.#round()
    // A layer may have stopped the stack with what it was just served.
    if (this.#stopping) return
    if (this.#failures >= BATCH) this.#fail(0)
    else if (more) setImmediate(this.#onTurn)
    else this.#readiness.wait(this.#onReady)
  }

  /** A batch from each socket; whether there may be more. */
  #round(): boolean {
    const now = this.#setup.context.clock.now()
    if (this.watch?.changed()) this.#changed = true
    if (this.#changed && this.#changes.take(now)) {
      this.#changed = false
      this.#book.generation++
    }
    const { ipv4, ipv6 } = this.#pair
    const more4 = ipv4 !== undefined && this.#drain(ipv4, now)
    const more6 = ipv6 !== undefined && this.#drain(ipv6, now)
    return (more4 || more6) && !this.#stopping
  }

  #drain({ fd }: NativeSocket, arrival: number): boolean {
    let result = 0
    for (let i = 0; i < BATCH && result !== -Errno.EAGAIN && !this.#stopping; i++) {
      result = this.#receive(fd, arrival)
      if (result >= 0) this.#failures = 0
      else if (result !== -Errno.EAGAIN && result !== -Errno.EINTR) this.#failed(result)
    }
    this.#burst.serve(this.#stopping ? nobody : this.#setup.stack)
    return result !== -Errno.EAGAIN
  }

  #receive(fd: number, arrival: number): number {
    const packet = this.#acquire(1)
    if (this.#stopping) {
      packet?.release()
      return -Errno.EAGAIN
    }
    const at = packet === undefined ? this.#spillAddress : this.#base + packet.offset
    const room = packet === undefined ? 0 : packet.tailroom - TAILROOM
    const result = this.#receiver.receive(fd, at, room, this.#spillAddress, SPILL)
    const whole = result <= room ? packet : this.#moved(packet, room, result)
    if (result < 0 || whole === undefined) {
      packet?.release()
      if (result >= 0) this.#setup.context.drop('pool-empty')
      return result
    }
    const { remote, local } = this.#book.origin(this.#receiver.name, this.#receiver.local)
    whole.length = result
    whole.remote = remote
    whole.trafficClass = this.#receiver.trafficClass
    whole.local = local.usable && local.interfaceIndex !== 0 ? local : undefined
    whole.arrival = arrival
    this.#burst.push(asDatagram(whole))
    return result
  }

  /** A larger packet in place of one in which a datagram did not find room; undefined, and no change, if there is none. */
  #moved(packet: PooledPacket | undefined, room: number, size: number): PooledPacket | undefined {
    const larger = packet === undefined ? undefined : this.#acquire(size)
    if (packet === undefined || larger === undefined) return undefined
    larger.memory.copyWithin(larger.offset, packet.offset, packet.offset + room)
    larger.memory.set(this.#spill.subarray(0, size - room), larger.offset + room)
    packet.release()
    return larger
  }

  /** When the pool is empty because of what this batch holds, the batch goes first. */
  #acquire(size: number): PooledPacket | undefined {
    const packet = this.#burst.acquire(size)
    if (packet !== undefined || this.#burst.length === 0) return packet
    this.#burst.serve(this.#setup.stack)
    return this.#stopping ? undefined : this.#burst.acquire(size)
  }

  /** An error that lay on the socket is gone once it is read; one that stays must not keep us busy. */
  #failed(result: number): void {
    this.#failures++
    this.#setup.context.drop('receive-failed')
    if (this.#failures === BATCH) {
      this.#setup.context.logger.error({ error: errnoName(result) }, 'udp: receiving fails, trying again each second')
    }
  }

  #fail(result: number): void {
    if (result < 0) this.#failed(result)
    this.#failures = Math.min(this.#failures, BATCH - 1)
    this.#retry = this.#setup.context.clock.setTimer(RETRY, this.#onTurn)
  }
}

const nobody: Service<Datagram> = { serve() {} }
