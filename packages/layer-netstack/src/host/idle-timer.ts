/** Calls back after a time without a `refresh`, once. It does not keep the process alive. */
export class IdleTimer {
  readonly #onIdle: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** Begins anew with so many milliseconds; 0 for off. */
  set(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = milliseconds === 0 ? undefined : setTimeout(this.#onIdle, Math.min(milliseconds, 2 ** 31 - 1)).unref()
  }

  refresh(): void {
    this.#timer?.refresh()
  }
}
