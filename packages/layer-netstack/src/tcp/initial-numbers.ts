import { createHmac } from 'node:crypto'
import type { Random } from '@millrace/core'

/** RFC 6528 §3: the clock of initial sequence numbers moves on every 4 microseconds. */
const TICKS_PER_MILLISECOND = 250

/**
 * Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 §7.1): a keyed hash of addresses and ports, so that
 * nobody can foresee them who does not see the connection, and the numbers of one pair of sockets go on upwards.
 */
export class InitialNumbers {
  readonly #secret = new Uint8Array(32)
  /** The results of the last {@link make}. */
  sequence = 0
  timestampOffset = 0

  constructor(random: Random) {
    random.fill(this.#secret)
  }

  /** For the connection with this key. `now` in milliseconds. */
  make(key: Int32Array, now: number): void {
    const digest = createHmac('sha256', this.#secret).update(key).digest()
    this.sequence = (digest.readInt32BE(0) + Math.floor(now * TICKS_PER_MILLISECOND)) | 0
    this.timestampOffset = digest.readInt32BE(4)
  }
}
