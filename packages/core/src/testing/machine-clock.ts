import type { Clock, Timer } from '../runtime/clock.ts'
import { Deadlines } from '../runtime/deadlines.ts'

/**
 * The clock of one process in a simulated world: `now` begins at 0, its calendar may be wrong, and it may stand still. The
 * world's clock drives it, so that several live in the same time and each sees its own.
 */
export class MachineClock implements Clock {
  readonly #world: Clock
  readonly #timers = new Deadlines<{ callback: (() => void) | undefined }>()
  #state: 'running' | 'suspended' | 'stopped' = 'running'
  /** What the wall clock is ahead of the world's, and what `now` is behind it. */
  #wallError = 0
  #behind: number
  #asleepSince = 0
  /** The latest deadline reached: a sum of fractions may fall short of it, and a timer must not find itself early. */
  #reached = 0
  #armed: { readonly at: number; readonly timer: Timer } | undefined

  constructor(world: Clock) {
    this.#world = world
    this.#behind = world.now()
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  now(): number {
    const world = this.#state === 'suspended' ? this.#asleepSince : this.#world.now()
    return Math.max(this.#reached, world - this.#behind)
  }

  wall(): number {
    return this.#world.wall() + this.#wallError
  }

  setTimer(delay: number, callback: () => void): Timer {
    const timer: { callback: (() => void) | undefined } = { callback }
    this.#timers.add(this.now() + Math.max(delay, 0), timer)
    this.#arm()
    return {
      cancel: () => {
        timer.callback = undefined
      },
    }
  }

  /** Steps the calendar by `milliseconds`, which may be negative, as `settimeofday` does. `now` does not notice. */
  stepWall(milliseconds: number): void {
    this.#wallError += milliseconds
  }

  /** The machine sleeps: `now` stands still, as Linux's CLOCK_MONOTONIC does; timers have as much left as before. */
  suspend(): void {
    this.#halt('suspended')
  }

  /** The process is stopped (SIGSTOP), or the machine's time goes on in its sleep: timers that become due are late. */
  stop(): void {
    this.#halt('stopped')
  }

  /** Goes on. Timers that are due run before this returns. */
  resume(): void {
    if (this.#state === 'suspended') this.#behind += this.#world.now() - this.#asleepSince
    this.#state = 'running'
    this.#run()
  }

  #halt(state: 'suspended' | 'stopped'): void {
    if (this.#state !== 'running') throw new Error(`this machine is ${this.#state} already`)
    this.#state = state
    this.#asleepSince = this.#world.now()
    this.#armed?.timer.cancel()
    this.#armed = undefined
  }

  #arm(): void {
    const at = this.#timers.next
    if (this.#state !== 'running' || at >= (this.#armed?.at ?? Number.POSITIVE_INFINITY)) return
    this.#armed?.timer.cancel()
    const timer = this.#world.setTimer(at - this.now(), () => {
      this.#armed = undefined
      this.#reached = Math.max(this.#reached, at)
      this.#run()
    })
    this.#armed = { at, timer }
  }

  #run(): void {
    while (this.#state === 'running' && this.#timers.next <= this.now()) this.#timers.take(this.now())?.callback?.()
    this.#arm()
  }
}
