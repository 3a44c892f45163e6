import type { Clock, Timer, WireShedding } from '@millrace/core'
import type { SystemCalls } from '@millrace/native'
import type { SocketPair } from '../pair.ts'
import { letIn } from './admission-filter.ts'
import type { NativeSocket } from './native-socket.ts'
import { ReceiveQueues } from './receive-queues.ts'

/** Milliseconds from one decision to the next: in it a flood must not fill a socket's buffer. */
const INTERVAL = 20
/** How long after the last word of it an overload is believed in. */
const BELIEVED = 2000
/** Parts of a receive buffer: one that is fuller is being emptied, until it is as good as empty. */
const FULL = 1 / 4
const EMPTY = 1 / 32
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
  /** Told how many the kernel has lost. */
  readonly onLost: (count: number) => void
}

/**
 * Finds the part of the datagrams of one kind that can be dealt with: as many as were, of those that came while the socket's
 * buffer filled. The kernel loses the rest, which costs us nothing but to count them.
 */
export class Shedder implements WireShedding {
  readonly #system: SystemCalls
  readonly #clock: Clock
  readonly #pair: SocketPair<NativeSocket>
  readonly #counts: Uint32Array
  readonly #queues: ReceiveQueues
  readonly #onLost: (count: number) => void
  #kind: readonly number[] = []
  #share = 1
  /** The part that can be dealt with, while the buffers are being emptied. */
  #afterwards: number | undefined
  /** Clock.now. */
  #until = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #counted = 0
  #decidedAt = 0
  #stopped = false

  constructor({ system, clock, pair, counts, onLost }: ShedderParts) {
    this.#system = system
    this.#clock = clock
    this.#pair = pair
    this.#counts = counts
    this.#queues = new ReceiveQueues(system, pair)
    this.#onLost = onLost
  }

  get believedUntil(): number {
    return this.#until
  }

  overloaded(firstBytes: readonly number[]): void {
    this.#until = this.#clock.now() + BELIEVED
    if (this.#timer !== undefined || this.#stopped) return
    this.#kind = firstBytes
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
    this.#decidedAt = this.#clock.now()
    this.#counted = this.#count()
    this.#timer = this.#clock.setTimer(INTERVAL, () => this.#decide())
  }

  #decide(): void {
    this.#timer = undefined
    this.#look()
    const now = this.#clock.now()
    const taken = this.#count() - this.#counted
    const perSecond = (taken / (now - this.#decidedAt)) * 1000
    const { level, lost } = this.#queues
    if (now >= this.#until) this.#grow()
    else if (level > FULL) {
      if (this.#afterwards === undefined) this.#afterwards = (AFTERWARDS * taken) / (taken + lost)
      if (perSecond > LEAST_PER_SECOND) this.#let(Math.min(this.#share, this.#afterwards) * WHILE_EMPTYING)
    } else if (level < EMPTY) this.#grow()
    if (this.#share < 1 || now < this.#until) this.#begin()
  }

  #grow(): void {
    this.#let(this.#afterwards ?? this.#share * GROWTH)
    this.#afterwards = undefined
  }

  #let(share: number): void {
    const bounded = Math.min(Math.max(share, LEAST_SHARE), 1)
    if (bounded === this.#share) return
    this.#share = bounded
    for (const socket of [this.#pair.ipv4, this.#pair.ipv6]) {
      if (socket !== undefined) letIn(this.#system, socket.fd, bounded, this.#kind)
    }
  }

  #look(): void {
    this.#queues.look()
    if (this.#queues.lost > 0) this.#onLost(this.#queues.lost)
  }

  #count(): number {
    let count = 0
    for (const byte of this.#kind) count += this.#counts[byte] as number
    return count
  }
}
