import type { Clock, Timer, WireShedding } from '@millrace/core'
import type { SystemCalls } from '@millrace/native'
import type { SocketPair } from '../pair.ts'
import { letIn } from './admission-filter.ts'
import { KernelLosses } from './kernel-losses.ts'
import type { NativeSocket } from './native-socket.ts'

/** Milliseconds from one decision to the next: in it a flood must not fill a socket's buffer. */
const INTERVAL = 20
/** How long after the last word of it an overload is believed in. */
const BELIEVED = 2000
/** So many a second are let in at least, whoever else keeps us busy: they may not be what does. */
const LEAST_PER_SECOND = 1000
const LEAST_SHARE = 1 / 1024
const CUT = 4
const GROWTH = 1.2

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
 * Finds the part of the datagrams of one kind that can be dealt with: a quarter as many when the sockets were not once found
 * empty, a fifth more when they were. The kernel loses the rest, which costs us nothing but to count them.
 */
export class Shedder implements WireShedding {
  readonly #system: SystemCalls
  readonly #clock: Clock
  readonly #pair: SocketPair<NativeSocket>
  readonly #counts: Uint32Array
  readonly #losses: KernelLosses
  readonly #onLost: (count: number) => void
  #kind: readonly number[] = []
  #share = 1
  /** Clock.now. */
  #until = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined
  #counted = 0
  #decidedAt = 0
  #rounds = 0
  #wasEmpty = false
  #stopped = false

  constructor({ system, clock, pair, counts, onLost }: ShedderParts) {
    this.#system = system
    this.#clock = clock
    this.#pair = pair
    this.#counts = counts
    this.#losses = new KernelLosses(system, pair)
    this.#onLost = onLost
  }

  get believedUntil(): number {
    return this.#until
  }

  overloaded(firstBytes: readonly number[]): void {
    this.#until = this.#clock.now() + BELIEVED
    if (this.#timer !== undefined || this.#stopped) return
    this.#kind = firstBytes
    this.#begin()
  }

  /** A round of reading has ended; whether it left something in the sockets. */
  round(more: boolean): void {
    this.#rounds++
    if (!more) this.#wasEmpty = true
  }

  stop(): void {
    if (!this.#stopped) this.#tellLosses()
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #begin(): void {
    this.#decidedAt = this.#clock.now()
    this.#counted = this.#count()
    this.#rounds = 0
    this.#wasEmpty = false
    this.#timer = this.#clock.setTimer(INTERVAL, () => this.#decide())
  }

  #decide(): void {
    this.#timer = undefined
    this.#tellLosses()
    const now = this.#clock.now()
    const perSecond = ((this.#count() - this.#counted) / (now - this.#decidedAt)) * 1000
    const isBusy = this.#rounds > 0 && !this.#wasEmpty
    if (isBusy && now < this.#until && perSecond > LEAST_PER_SECOND) this.#let(Math.max(this.#share / CUT, LEAST_SHARE))
    else if (!isBusy || now >= this.#until) this.#let(Math.min(this.#share * GROWTH, 1))
    if (this.#share < 1 || now < this.#until) this.#begin()
  }

  #let(share: number): void {
    if (share === this.#share) return
    this.#share = share
    for (const socket of [this.#pair.ipv4, this.#pair.ipv6]) {
      if (socket !== undefined) letIn(this.#system, socket.fd, share, this.#kind)
    }
  }

  #tellLosses(): void {
    const lost = this.#losses.take()
    if (lost > 0) this.#onLost(lost)
  }

  #count(): number {
    let count = 0
    for (const byte of this.#kind) count += this.#counts[byte] as number
    return count
  }
}
