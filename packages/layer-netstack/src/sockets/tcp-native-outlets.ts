import {
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  EpollSet,
  errnoName,
  type SystemCalls,
} from '@millrace/native'
import type { Tcp } from '../tcp/tcp.ts'
import { NativeDialler } from './tcp-native-dialler.ts'
import { NativeTcpOutlet, type NativeTcpOutletParts } from './tcp-native-outlet.ts'
import { NativeStream } from './tcp-native-stream.ts'
import type { DialFailure, TcpOutlet, TcpOutletOwner, TcpOutletParts, TcpOutlets } from './tcp-outlet.ts'
import { Waiter } from './waiter.ts'

/** Bytes received before other work of the process gets its turn. */
const ROUND_SIZE = 256 * 1024
/** Said once for each descriptor, each event being told of when it comes: so no more calls are needed for it. */
const EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET

/**
 * Outlets by system calls (Linux): what comes is received where it is sent from, what goes is sent from where it came in,
 * and one wait stands for the sockets of all flows. Those that have more to be read take turns.
 */
export class NativeTcpOutlets implements TcpOutlets {
  readonly held = 0
  readonly #parts: NativeTcpOutletParts
  readonly #wake: () => void
  readonly #dialler: NativeDialler
  readonly #set: EpollSet
  readonly #waiter: Waiter
  /** By their numbers. */
  readonly #outlets = new Map<number, NativeTcpOutlet>()
  #number = 0
  /** The queue of those that are ready. */
  #first: NativeTcpOutlet | undefined
  #last: NativeTcpOutlet | undefined
  #isWorking = false
  #isScheduled = false
  readonly #onTurn = (): void => {
    this.#isScheduled = false
    if (!this.#waiter.isStopping) this.#work()
  }

  /** Throws an EnvironmentError where the system has no descriptors left. */
  constructor(system: SystemCalls, tcp: Tcp, { wake, keepaliveIdle }: TcpOutletParts) {
    this.#wake = wake
    this.#dialler = new NativeDialler(system, keepaliveIdle)
    this.#set = new EpollSet(system)
    this.#waiter = new Waiter(system, [this.#set.fd], () => this.#look())
    this.#parts = {
      system,
      dialler: this.#dialler,
      stream: new NativeStream(system, tcp),
      ready: (outlet) => this.#enqueue(outlet),
      closed: ({ number }) => this.#outlets.delete(number),
    }
  }

  dial(owner: TcpOutletOwner): TcpOutlet | DialFailure {
    const fd = this.#dialler.dial(owner.grant)
    if (typeof fd !== 'number') return fd
    const number = this.#nextNumber()
    const outlet = new NativeTcpOutlet(this.#parts, owner, fd, number)
    this.#outlets.set(number, outlet)
    const watched = this.#set.add(fd, EVENTS, number)
    if (watched < 0) {
      outlet.cancel()
      return { code: errnoName(watched), isAddress: false }
    }
    this.#waiter.wait()
    return outlet
  }

  async stop(): Promise<void> {
    await this.#waiter.stop()
    this.#set.close()
  }

  #look(): void {
    this.#isWorking = true
    const count = this.#set.look()
    for (let i = 0; i < count; i++) {
      const outlet = this.#outlets.get(this.#set.at(i))
      if (outlet === undefined) continue
      outlet.notice(this.#set.eventsAt(i))
      this.#enqueue(outlet)
    }
    this.#work()
    if (this.#outlets.size > 0) this.#waiter.wait()
  }

  #work(): void {
    this.#isWorking = true
    // Whoever is ready again goes behind the others.
    const last = this.#last
    for (let left = ROUND_SIZE; left > 0; ) {
      const outlet = this.#dequeue()
      if (outlet === undefined) break
      left -= outlet.work()
      if (outlet === last) break
    }
    this.#isWorking = false
    this.#wake()
    this.#schedule()
  }

  /** Those that are still ready have their turn when others have had theirs. */
  #schedule(): void {
    if (this.#first === undefined || this.#isScheduled || this.#isWorking || this.#waiter.isStopping) return
    this.#isScheduled = true
    setImmediate(this.#onTurn)
  }

  #enqueue(outlet: NativeTcpOutlet): void {
    if (outlet.isQueued) return
    outlet.isQueued = true
    if (this.#last === undefined) this.#first = outlet
    else this.#last.next = outlet
    this.#last = outlet
    this.#schedule()
  }

  #dequeue(): NativeTcpOutlet | undefined {
    const outlet = this.#first
    if (outlet === undefined) return undefined
    this.#first = outlet.next
    if (this.#first === undefined) this.#last = undefined
    outlet.next = undefined
    outlet.isQueued = false
    return outlet
  }

  #nextNumber(): number {
    do this.#number = (this.#number + 1) & 0x7fff_ffff
    while (this.#outlets.has(this.#number))
    return this.#number
  }
}
