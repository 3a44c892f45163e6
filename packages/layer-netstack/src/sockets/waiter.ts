import { Readiness, type SystemCalls } from '@millrace/native'

/** Waits for descriptors whenever its owner has a use for it, and stops without leaving a wait behind. */
export class Waiter {
  readonly #readiness: Readiness
  readonly #look: () => void
  #isStopping = false
  #onQuiet: (() => void) | undefined
  readonly #onReady = (): void => this.#ready()

  /**
   * `look` is called when a wait has ended, mostly because something can be read. The descriptors are to be
   * closed by who opened them, after `stop`. Throws an EnvironmentError where the system has no descriptors left.
   */
  constructor(system: SystemCalls, descriptors: readonly number[], look: () => void) {
    this.#readiness = new Readiness(system, ...descriptors)
    this.#look = look
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Begins a wait, if none is under way and there may be more. */
  wait(): void {
    if (this.#readiness.waiting || this.#isStopping) return
    this.#readiness.wait(this.#onReady)
  }

  /** Nothing is told once this is called. Resolves when no wait is under way, and none will be. */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#readiness.waiting) {
      await new Promise<void>((resolve) => {
        this.#onQuiet = resolve
        this.#readiness.wake()
      })
    }
    this.#readiness.close()
  }

  #ready(): void {
    if (this.#onQuiet === undefined) this.#look()
    else this.#onQuiet()
  }
}
