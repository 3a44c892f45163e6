/** A clock that can be put forward, and whose timers never ring. */
export class SkippingClock {
  #ahead = 0
  now() {
    return performance.now() + this.#ahead
  }
  wall() {
    return Date.now()
  }
  setTimer() {
    return { cancel() {} }
  }
  skip(milliseconds) {
    this.#ahead += milliseconds
  }
}
