/** Bytes that are moved at once: larger pieces cost no less for each byte, and these stay in the cache. */
const SIZE = 65_536
/** Buffers kept for use again. */
const SPARE = 16

/**
 * The buffers through which all bytes of all flows pass, outside of their queues: what is read from a socket is in the
 * TCP before the next is read, and what is written to a socket the system has mostly taken when `write` returns.
 */
export class RelayBuffers {
  // Not a Buffer, whose `slice` does not copy.
  readonly fromServers: Uint8Array = new Uint8Array(SIZE)
  readonly #spare: Buffer[] = []
  #toServers: Buffer = Buffer.allocUnsafeSlow(SIZE)
  #held = 0

  /** Bytes that flows hold because one of their sides does not take them. */
  get held(): number {
    return this.#held
  }

  get toServers(): Buffer {
    return this.#toServers
  }

  /** A socket has not taken all of `toServers` yet: it is the flow's until that gives it back, and the next gets another. */
  keep(): Buffer {
    const kept = this.#toServers
    this.#held += kept.length
    this.#toServers = this.#spare.pop() ?? Buffer.allocUnsafeSlow(SIZE)
    return kept
  }

  giveBack(buffer: Buffer): void {
    this.#held -= buffer.length
    if (this.#spare.length < SPARE) this.#spare.push(buffer)
  }

  /** A copy of what the TCP did not take, held until `drop`. */
  copy(bytes: Uint8Array): Uint8Array {
    this.#held += bytes.length
    return bytes.slice()
  }

  drop(copy: Uint8Array): void {
    this.#held -= copy.length
  }
}
