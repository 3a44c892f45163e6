import type { Clock, Timer, WireShedding } from '@millrace/core'
import type { SystemCalls } from '@millrace/native'
import type { SocketPair } from '../pair.ts'
import { letIn } from './admission-filter.ts'
import { type Aggregate, aggregatesOf, countOutside } from './aggregates.ts'
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
/** If such a part of what fills a buffer comes from elsewhere, that is not known any more. */
const MUCH = 1 / 4
/** So many a second are let in at least, whoever else keeps us busy: they may not be what does. */
const LEAST_PER_SECOND = 1000
const LEAST_SHARE = 1 / 1024
/** Of what can be dealt with, the part that is let in while a buffer is being emptied, and then. */
const WHILE_EMPTYING = 1 / 8
const AFTERWARDS = 0.8
const GROWTH = 1.05

export interface ShedderParts {
  readonly system: SystemCalls
  readonly clock: Clock
  readonly pair: SocketPair<NativeSocket>
  /** How many datagrams have come in by their first byte. */
  readonly counts: Uint32Array
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
  /** The part that can be dealt with, while the buffers are being emptied. */
  #afterwards: number | undefined
  #from = EVERYWHERE
  /** Clock.now. */
  #until = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #counted = 0
  #decidedAt = 0
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
    this.#from = EVERYWHERE
    this.#parts.sample.want(firstBytes)
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
    const taken = this.#count() - this.#counted
    const perSecond = (taken / (now - this.#decidedAt)) * 1000
    const { level, lost } = this.#queues
    if (now >= this.#until) this.#grow()
    else if (level > FULL) {
      // What waits in the buffer has come too; as long as we empty it, so much is lost that it need not be known.
      const came = this.#afterwards === undefined ? taken + lost : Math.max(lost / (1 - this.#share), taken)
      this.#afterwards = (AFTERWARDS * taken) / came
      if (perSecond > LEAST_PER_SECOND) this.#let(Math.min(this.#share, this.#afterwards * WHILE_EMPTYING), true)
    } else if (level < EMPTY) this.#grow()
    if (this.#share < 1 || now < this.#until) this.#begin()
    else this.#parts.sample.want([])
  }

  #grow(): void {
    this.#let(this.#afterwards ?? this.#share * GROWTH)
    this.#afterwards = undefined
  }

  #let(wanted: number, isTooMuch = false): void {
    const share = Math.min(Math.max(wanted, LEAST_SHARE), 1)
    const knewFrom = this.#from
    this.#lookWhereFrom(isTooMuch)
    const from = this.#from
    if (share === this.#share && (share === 1 || from === knewFrom)) return
    this.#share = share
    const { system, pair } = this.#parts
    for (const socket of [pair.ipv4, pair.ipv6]) {
      if (socket !== undefined) letIn(system, socket, { share, firstBytes: this.#kind, from })
    }
  }

  /** A sample tells only of what is lost alike: so it is all taken anew when too much comes that is not lost at all. */
  #lookWhereFrom(isTooMuch: boolean): void {
    const { sample } = this.#parts
    if (!sample.isFull) return
    if (this.#from === EVERYWHERE) this.#from = aggregatesOf(sample)
    else if (isTooMuch && countOutside(sample, this.#from) > sample.length * MUCH) this.#from = EVERYWHERE
    else return
    sample.want(this.#kind)
  }

  #look(): void {
    this.#queues.look()
    if (this.#queues.lost > 0) this.#parts.onLost(this.#queues.lost)
  }

  #count(): number {
    let count = 0
    for (const byte of this.#kind) count += this.#parts.counts[byte] as number
    return count
  }
}
