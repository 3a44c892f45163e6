import { REJECT_AFTER_MESSAGES_HIGH, REJECT_AFTER_MESSAGES_LOW } from './constants.ts'

/** Ring of 256 words: 8,192 bits, a multiple of which is 2^32, so that a counter's low half alone gives its place. */
const WORDS = 256
const BITS = WORDS * 32
/** How far behind the greatest counter one is still taken. One 64-bit block less than the ring, as in the kernel. */
export const WINDOW: number = BITS - 64

/**
 * The sliding window of RFC 6479 over 64-bit counters, each given as two unsigned 32-bit halves. Ask it only about
 * messages that have authenticated.
 */
export class ReplayWindow {
  readonly #ring = new Uint32Array(WORDS)
  #high = 0
  #low = 0

  /** Takes note of a counter. False if it was seen before, is too old, or has reached REJECT_AFTER_MESSAGES. */
  accept(high: number, low: number): boolean {
    if (high === REJECT_AFTER_MESSAGES_HIGH && low >= REJECT_AFTER_MESSAGES_LOW) return false
    const ahead = (high - this.#high) * 2 ** 32 + (low - this.#low)
    // Exact near the window; where it is not exact it is far outside, either way.
    if (ahead > 0) {
      this.#advance(high, low, ahead)
    } else if (-ahead > WINDOW) {
      return false
    }
    const word = (low >>> 5) & (WORDS - 1)
    const bit = 1 << (low & 31)
    const seen = this.#ring[word] as number
    if ((seen & bit) !== 0) return false
    this.#ring[word] = seen | bit
    return true
  }

  #advance(high: number, low: number, ahead: number): void {
    if (ahead >= BITS) {
      this.#ring.fill(0)
    } else {
      const from = this.#low >>> 5
      const to = low >>> 5
      const words = (to - from) & 0x7ff_ffff
      for (let i = 1; i <= words; i++) this.#ring[(from + i) & (WORDS - 1)] = 0
    }
    this.#high = high
    this.#low = low
  }
}
