/**
 * Keeps one object ready for use after use. A service may be entered again while it still serves (an in-memory end
 * answers at once): the inner call then gets a new one instead of the one still in use.
 */
export class Spare<T> {
  readonly #make: () => T
  #spare: T | undefined

  constructor(make: () => T) {
    this.#make = make
  }

  take(): T {
    const spare = this.#spare ?? this.#make()
    this.#spare = undefined
    return spare
  }

  giveBack(used: T): void {
    this.#spare = used
  }
}
