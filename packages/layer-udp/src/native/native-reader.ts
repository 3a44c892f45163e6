import { Burst, type Datagram, type Timer, TokenBucket } from '@millrace/core'
import { Errno, errnoName, Readiness, RouteWatch, type SystemCalls } from '@millrace/native'
import { closePair, type SocketPair } from '../pair.ts'
import { BATCH, type WireSetup } from '../wire.ts'
import type { AddressBook } from './address-book.ts'
import type { NativeSocket } from './native-socket.ts'
import { Receiver } from './receiver.ts'
import { Shedder } from './shedder.ts'

/** Bytes of one socket that are served before others have their turn, and calls. */
const ROUND_SIZE = 256 * 1024
const ROUND_CALLS = 4
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
  readonly shedder: Shedder
  readonly #setup: WireSetup
  readonly #book: AddressBook
  readonly #pair: SocketPair<NativeSocket>
  readonly #burst: Burst<Datagram>
  readonly #receiver: Receiver
  /** In the order in which they are waited for. */
  readonly #sources: readonly { readonly fd: number }[]
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
    this.#setup = setup
    this.#book = book
    this.#pair = pair
    this.#burst = new Burst(setup.context.pool)
    this.#receiver = new Receiver(system, setup.context, book)
    const { context } = setup
    this.shedder = new Shedder({
      system,
      clock: context.clock,
      pair,
      sample: this.#receiver.sample,
      onLost: (count) => context.drop('lost-by-kernel', count),
    })
    this.watch = RouteWatch.open(system)
    const sources = [pair.ipv4, pair.ipv6, this.watch].filter((source) => source !== undefined)
    this.#sources = sources
    this.#readiness = new Readiness(system, ...sources.map(({ fd }) => fd))
    this.#onReady = (events) => this.#ready(events)
    this.#onTurn = () => this.#turn(false)
    this.#readiness.wait(this.#onReady)
  }

  /** Reads what has arrived until now, then stops. */
  async finish(): Promise<void> {
    for (let round = 0; round < LAST_ROUNDS; round++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#stopping || !this.#round(false)) break
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
    this.shedder.stop()
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
    else this.#turn(true)
  }

  /** With only what ended the wait, or with everything: it may have become ready meanwhile. */
  #turn(isWoken: boolean): void {
    if (this.#stopping) return
    const more = this.#round(isWoken)
    // A layer may have stopped the stack with what it was just served.
    if (this.#stopping) return
    if (this.#failures >= BATCH) this.#fail(0)
    else if (more) setImmediate(this.#onTurn)
    else this.#readiness.wait(this.#onReady)
  }

  /** A batch from each socket; whether there may be more. */
  #round(isWoken: boolean): boolean {
    const now = this.#setup.context.clock.now()
    const { ipv4, ipv6 } = this.#pair
    const { watch } = this
    if (watch !== undefined && this.#mayRead(watch, isWoken) && watch.changed()) this.#changed = true
    if (this.#changed && this.#changes.take(now)) {
      this.#changed = false
      this.#book.generation++
    }
    const more4 = ipv4 !== undefined && this.#mayRead(ipv4, isWoken) && this.#drain(ipv4, now)
    const more6 = ipv6 !== undefined && this.#mayRead(ipv6, isWoken) && this.#drain(ipv6, now)
    return (more4 || more6) && !this.#stopping
  }

  #mayRead(source: { readonly fd: number }, isWoken: boolean): boolean {
    return !isWoken || this.#readiness.wasReady(this.#sources.indexOf(source))
  }

  /** Serves what a socket has, a batch for each call; whether there may be more. */
  #drain({ fd }: NativeSocket, arrival: number): boolean {
    for (let calls = 0, size = 0; calls < ROUND_CALLS && size < ROUND_SIZE && !this.#stopping; calls++) {
      const result = this.#receiver.receive(fd, arrival, this.#burst)
      if (result === -Errno.EAGAIN) return false
      if (result >= 0) this.#failures = 0
      else if (result !== -Errno.EINTR) this.#failed(result)
      size += this.#receiver.size
      this.#burst.serve(this.#setup.stack)
      if (result >= 0 && result < this.#receiver.asked) return false
    }
    return true
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
