import type { Clock, Timer } from '../runtime/clock.ts'
import { Deadlines } from '../runtime/deadlines.ts'

/** A clock that moves only when told to. Timers run in the order they are due, with `now()` at that moment. */
export class VirtualClock implements Clock {
  #now = 0
  readonly #wallStart: number
  readonly #timers = new Deadlines<{ callback: (() => void) | undefined }>()

  /** `wallStart` is Unix time at the beginning, milliseconds. */
  constructor(wallStart: number = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallStart
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#wallStart + this.#now
  }

  setTimer(delay: number, callback: () => void): Timer {
    const timer: { callback: (() => void) | undefined } = { callback }
    this.#timers.add(this.#now + Math.max(delay, 0), timer)
    return {
      cancel: () => {
        timer.callback = undefined
      },
    }
  }

  /** Moves on by `milliseconds`, running what becomes due on the way. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    while (this.#timers.next <= end) {
      this.#now = this.#timers.next
      this.#timers.take(this.#now)?.callback?.()
    }
    this.#now = Math.max(this.#now, end)
  }
}
