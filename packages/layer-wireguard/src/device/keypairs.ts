import type { Keypair } from './keypair.ts'

/**
 * The sessions of one peer (paper §6.3, kernel `struct noise_keypairs`): `current` is sent with; `previous` still
 * receives what was under way; `next` is a responder's new session, not sent with before its first message has come.
 */
export class Keypairs {
  previous: Keypair | undefined
  current: Keypair | undefined
  next: Keypair | undefined
  readonly #discard: (keypair: Keypair) => void

  /** `discard` is given each keypair that falls out: to wipe it and free its index. */
  constructor(discard: (keypair: Keypair) => void) {
    this.#discard = discard
  }

  add(keypair: Keypair): void {
    const { previous, current, next } = this
    if (keypair.isInitiator) {
      // A `next` that was never confirmed is newer than `current`, and the other side may yet send with it.
      this.previous = next ?? current
      this.current = keypair
      this.next = undefined
      this.#drop(previous)
      if (next !== undefined) this.#drop(current)
    } else {
      this.previous = undefined
      this.next = keypair
      this.#drop(previous)
      this.#drop(next)
    }
  }

  /** A message has come with `keypair`. True if it was `next` and is `current` now: the session is confirmed. */
  receivedWith(keypair: Keypair): boolean {
    if (keypair !== this.next) return false
    const { previous } = this
    this.previous = this.current
    this.current = keypair
    this.next = undefined
    this.#drop(previous)
    return true
  }

  clear(): void {
    for (const keypair of [this.previous, this.current, this.next]) this.#drop(keypair)
    this.previous = undefined
    this.current = undefined
    this.next = undefined
  }

  #drop(keypair: Keypair | undefined): void {
    if (keypair !== undefined) this.#discard(keypair)
  }
}
