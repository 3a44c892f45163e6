/** Something to be told when packets have been dealt with. */
export interface Notice {
  /** May run code of the program that uses the host: it may throw. */
  deliver(): void
}

/**
 * Tells owners what has happened once the packet path has returned: what a program does in its handlers takes place
 * outside of it, and what it throws is its own uncaught exception, as with any socket.
 */
export class Notices {
  #waiting: Notice[] = []
  #isScheduled = false
  readonly #onTick = (): void => this.#deliver()

  /** The caller sees to it that a notice is not in it twice. */
  add(notice: Notice): void {
    this.#waiting.push(notice)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    process.nextTick(this.#onTick)
  }

  #deliver(): void {
    const notices = this.#waiting
    this.#waiting = []
    this.#isScheduled = false
    let done = 0
    try {
      while (done < notices.length) notices[done++]?.deliver()
    } finally {
      if (done < notices.length) {
        this.#waiting = [...notices.slice(done), ...this.#waiting]
        this.#schedule()
      }
    }
  }
}
