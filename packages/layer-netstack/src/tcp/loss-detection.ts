import type { SentSegments } from './sent-segments.ts'
import { isAfter, isBefore } from './sequence.ts'

/** Nothing is amiss; repairing a loss that was seen (RFC 6675); starting over after a timeout. */
export const OPEN = 0
export const RECOVERY = 1
export const LOSS = 2
export type Phase = typeof OPEN | typeof RECOVERY | typeof LOSS

const NEVER = Number.POSITIVE_INFINITY
/** RFC 8985 §6.2 step 4. */
const MAXIMUM_STEPS = 16

/**
 * RACK (RFC 8985 §6): a segment is lost when one that was sent sufficiently later has arrived. So retransmissions that
 * get lost are found as well, and reordering within a quarter of a round trip is not taken for loss.
 */
export class LossDetection {
  phase: Phase = OPEN
  /** What was sent when the phase began; it ends when all that is acknowledged. */
  recoverAt = 0
  /** The first lost segment goes out whatever the congestion window says (RFC 6675 §5 step 4.3). */
  sendFirst = false
  /** ACKs that acknowledge nothing new, of a peer without SACK. */
  duplicates = 0
  /** Tail loss probe under way (RFC 8985 §7): where it ends, and whether it was a retransmission. */
  probeOpen = false
  probeEnd = 0
  probeRepeats = false
  /** Whether the last repair may turn out not to have been due (RFC 3522), our timestamp then, and what it began with. */
  undoOpen = false
  undoStamp = 0
  undoFrom = 0

  /** Of what the ACK at hand has delivered: bytes, and when the latest segment sent once only was sent (-1 is none). */
  delivered = 0
  sampleTime = -1

  #time = -1
  #end = 0
  #roundTrip = 0
  #farthest = 0
  /** Before the ACK at hand. */
  #farthestBefore = 0
  #reordering = false
  #steps = 1

  reset(): void {
    this.phase = OPEN
    this.sendFirst = false
    this.duplicates = 0
    this.probeOpen = false
    this.undoOpen = false
    this.#time = -1
    this.#reordering = false
    this.#steps = 1
  }

  begin(start: number): void {
    this.#farthest = start
    this.#end = start
    this.recoverAt = start
  }

  /** To be called before the segments of an ACK are looked at. */
  beginAck(): void {
    this.delivered = 0
    this.sampleTime = -1
    this.#farthestBefore = this.#farthest
  }

  /** Segment `i` has been acknowledged, selectively or not, for the first time. */
  deliver(sent: SentSegments, i: number, now: number, minimumRoundTrip: number): void {
    const time = sent.timeOf(i)
    const end = sent.endOf(i)
    this.delivered += sent.sizeOf(i)
    if (sent.wasRetransmitted(i)) {
      // Too soon for the retransmission: it was the first one that arrived.
      if (now - time < minimumRoundTrip) return
    } else {
      if (time > this.sampleTime) this.sampleTime = time
      if (isBefore(end, this.#farthestBefore)) this.#reordering = true
    }
    if (isAfter(end, this.#farthest)) this.#farthest = end
    if (time < this.#time || (time === this.#time && !isAfter(end, this.#end))) return
    this.#time = time
    this.#end = end
    this.#roundTrip = now - time
  }

  /** The other end says that it got something twice: the reordering window was too small. */
  duplicated(): void {
    if (this.#steps < MAXIMUM_STEPS) this.#steps++
  }

  /** What was repaired had not been lost: packets overtake each other. */
  spurious(): void {
    this.#reordering = true
    this.duplicated()
  }

  /**
   * Marks as lost what is. Returns when to look again, or Infinity: then a segment has waited out the reordering window.
   */
  detect(sent: SentSegments, now: number, minimumRoundTrip: number, smoothed: number): number {
    if (this.#time < 0) return NEVER
    const patience = this.#window(sent, minimumRoundTrip, smoothed) + this.#roundTrip
    let wait = 0
    for (let i = 0; i < sent.count; i++) {
      if (sent.isSacked(i) || sent.isLost(i)) continue
      const time = sent.timeOf(i)
      if (time > this.#time || (time === this.#time && !isBefore(sent.endOf(i), this.#end))) continue
      const remaining = time + patience - now
      if (remaining <= 0) sent.markLost(i)
      else if (remaining > wait) wait = remaining
    }
    return wait > 0 ? now + wait : NEVER
  }

  #window(sent: SentSegments, minimumRoundTrip: number, smoothed: number): number {
    if (!this.#reordering && (this.phase !== OPEN || sent.sacked >= 3)) return 0
    return Math.min((this.#steps * minimumRoundTrip) / 4, smoothed)
  }
}
