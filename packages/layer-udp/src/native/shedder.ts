import type { Clock, Timer, WireShedding } from '@millrace/core'
import type { SystemCalls } from '@millrace/native'
import type { SocketPair } from '../pair.ts'
import { letIn } from './admission-filter.ts'
import { AGGREGATES, type Aggregate, aggregatesOf, countOutside } from './aggregates.ts'
import type { NativeSocket } from './native-socket.ts'
import { ReceiveQueues } from './receive-queues.ts'
import type { SourceSample } from './source-sample.ts'

/** Milliseconds from one decision to the next: in it a flood must not fill a socket's buffer. */
const INTERVAL = 20
/** How long after the last word of it an overload is believed in. */
const BELIEVED = 2000
/** Parts of a receive buffer: one that is fuller is being emptied, until it is as good as empty. */
const FULL = 1 / 4
const EMPTY = 1 / 32
/** All sources alike are subject to loss, until it is known where the flood's are. */
const EVERYWHERE: readonly Aggregate[] = [
  { family: 4, high: 0, low: 0, length: 0 },
  { family: 6, high: 0, low: 0, length: 0 },
]
/** Prefixes at most: those found last, and those that a flood has moved away from, for it may come back. */
const PREFIXES = 2 * AGGREGATES
/** If such a part of what fills a buffer comes from elsewhere, it is not known any more where the flood comes from. */
const MUCH = 1 / 2
/** Else it is sought again after so many milliseconds. */
const KNOWN = 5000
/** Such a part of what can be dealt with may come from elsewhere: so much of a flood is overlooked. */
const OVERLOOKED = 1 / 4
/** So many a second are let in at least, whoever else keeps us busy: they may not be what does. */
const LEAST_PER_SECOND = 1000
const LEAST_SHARE = 1 / 1024
/** Of what can be dealt with, the part that is let in while a buffer is being emptied, and then. */
const WHILE_EMPTYING = 1 / 10
const AFTERWARDS = 0.8
const GROWTH = 1.05
/** A filter is changed for more than this: the kernel compiles it, which takes 0.3 ms. */
const CHANGE = 1.12

export interface ShedderParts {
  readonly system: SystemCalls
  readonly clock: Clock
  readonly pair: SocketPair<NativeSocket>
  readonly sample: SourceSample
  /** Told how many the kernel has lost. */
  readonly onLost: (count: number) => void
}

/**
 * Finds the part of the datagrams of one kind that can be dealt with: as many as were, of those that came while the socket's
 * buffer filled. The kernel loses the rest, which costs us nothing but to count them. It loses none of those that come
 * from where the flood does not.
 */
export class Shedder implements WireShedding {
  readonly #parts: ShedderParts
  readonly #queues: ReceiveQueues
  #kind: readonly number[] = []
  #share = 1
  /** What the filters have. */
  #set = 1
  /** The part that can be dealt with, while the buffers are being emptied. */
  #afterwards: number | undefined
  #from = EVERYWHERE
  /** Clock.now, as the two below. */
  #knownAt = 0
  #until = Number.NEGATIVE_INFINITY
  #decidedAt = 0
  #timer: Timer | undefined
  #counted = 0
  #stopped = false

  constructor(parts: ShedderParts) {
    this.#parts = parts
    this.#queues = new ReceiveQueues(parts.system, parts.pair)
  }

  get believedUntil(): number {
    return this.#until
  }

  overloaded(firstBytes: readonly number[]): void {
    this.#until = this.#parts.clock.now() + BELIEVED
    if (this.#timer !== undefined || this.#stopped) return
    this.#kind = firstBytes
    this.#forget()
    this.#look()
    this.#begin()
  }

  stop(): void {
    if (!this.#stopped) this.#look()
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #begin(): void {
    const { clock } = this.#parts
    this.#decidedAt = clock.now()
    this.#counted = this.#count()
    this.#timer = clock.setTimer(INTERVAL, () => this.#decide())
  }

  #decide(): void {
    this.#timer = undefined
    this.#look()
    const now = this.#parts.clock.now()
    const taken = (this.#count() - this.#counted) >>> 0
    const perSecond = 1000 / (now - this.#decidedAt)
    const { level, lost } = this.#queues
    if (now >= this.#until || level < EMPTY) this.#grow(lost)
    else if (level > FULL && taken * perSecond > LEAST_PER_SECOND) {
      this.#empty(taken, lost)
      // Of a train the filter sees the first datagram only; nobody honest sends trains of these.
      if (this.#parts.sample.inTrains * perSecond > LEAST_PER_SECOND) this.#receiveTrains(false)
    }
    this.#parts.sample.inTrains = 0
    if (this.#share < 1 || now < this.#until) this.#begin()
    else this.#parts.sample.want([])
  }

  #empty(taken: number, lost: number): void {
    // What waits in the buffer has come too; as long as we empty it, so much is lost that it need not be known.
    const came = this.#afterwards === undefined ? taken + lost : Math.max(lost / (1 - this.#set), taken)
    this.#afterwards = (AFTERWARDS * taken) / came
    this.#let(Math.min(this.#share, this.#afterwards * WHILE_EMPTYING), true)
  }

  /** When nothing was lost the flood is over. */
  #grow(lost: number): void {
    this.#let(lost === 0 ? 1 : (this.#afterwards ?? this.#share * GROWTH), false)
    this.#afterwards = undefined
  }

  #let(wanted: number, isTooMuch: boolean): void {
    const from = this.#from
    const share = Math.min(Math.max(wanted, LEAST_SHARE), 1)
    if (share < 1) this.#learn(isTooMuch)
    this.#share = share
    const isSame = from === this.#from && share < this.#set * CHANGE && this.#set < share * CHANGE
    if (share < 1 ? isSame : this.#set === 1) return
    this.#set = share
    const { system, pair } = this.#parts
    for (const socket of [pair.ipv4, pair.ipv6]) {
      if (socket !== undefined) letIn(system, socket, { share, firstBytes: this.#kind, from: this.#from })
    }
    if (share < 1) return
    this.#forget()
    this.#receiveTrains(true)
  }

  /** Where the flood comes from. From time to time all of it is sought again, in a sample that is let in alike. */
  #learn(isTooMuch: boolean): void {
    const { sample, clock } = this.#parts
    // How much can be overlooked is known when a filter has been at work.
    if (!sample.isFull || this.#set === 1) return
    const now = clock.now()
    const isKnown = this.#from !== EVERYWHERE
    const hasMoved = isKnown && isTooMuch && countOutside(sample, this.#from) > sample.length * MUCH
    if (!isKnown || hasMoved) {
      const found = aggregatesOf(sample, OVERLOOKED * Math.min(this.#set, this.#afterwards ?? 1))
      this.#from = isKnown ? [...found, ...this.#from].slice(0, PREFIXES) : found
      this.#knownAt = now
    } else if (!isTooMuch && now - this.#knownAt >= KNOWN) this.#from = EVERYWHERE
    else return
    sample.want(this.#kind)
  }

  #forget(): void {
    this.#from = EVERYWHERE
    this.#parts.sample.want(this.#kind)
  }

  #receiveTrains(may: boolean): void {
    const { ipv4, ipv6 } = this.#parts.pair
    for (const socket of [ipv4, ipv6]) {
      if (socket?.trains === true) socket.letTrainsIn(may)
    }
  }

  #look(): void {
    this.#queues.look()
    if (this.#queues.lost > 0) this.#parts.onLost(this.#queues.lost)
  }

  #count(): number {
    let count = 0
    for (const byte of this.#kind) count += this.#parts.sample.counts[byte] as number
    return count
  }
}
