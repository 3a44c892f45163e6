export interface Timer {
  cancel(): void
}

/** Time comes in from outside, so that a test can run days in seconds. */
export interface Clock {
  /** Monotonic, milliseconds, fractional. For every interval and deadline. */
  now(): number
  /** Unix time, milliseconds. For timestamps that leave the process (TAI64N), never for intervals. */
  wall(): number
  /** Calls back once, no sooner than `delay` milliseconds from now. */
  setTimer(delay: number, callback: () => void): Timer
}

const MAXIMUM_TIMEOUT = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(delay, callback) {
    // A timeout is a millisecond at the least: too long for who has only given way to others.
    if (delay <= 0) {
      const handle = setImmediate(callback)
      return { cancel: () => clearImmediate(handle) }
    }
    const handle = setTimeout(callback, Math.min(delay, MAXIMUM_TIMEOUT))
    return { cancel: () => clearTimeout(handle) }
  },
}
