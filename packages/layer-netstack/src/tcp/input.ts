import { processAcknowledgment } from './acknowledgment.ts'
import type { Connection } from './connection.ts'
import { CONNECTED, type Engine, WRITABLE } from './engine.ts'
import { ACK, RST, SYN } from './flags.ts'
import { startEstablished } from './handshake.ts'
import { receivePending, receiveSynSent } from './opening-input.ts'
import { hear, startTimeWait, takeData } from './receiver.ts'
import type { Segment } from './segment.ts'
import { distance, isAfter, isBefore } from './sequence.ts'
import {
  CLOSED,
  CLOSING,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  mayReceive,
  PENDING,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from './state.ts'
import type { StrayAnswers } from './stray-answers.ts'

/** RFC 5961 §7: challenge ACKs of one connection in this many milliseconds, at most. */
const CHALLENGES = 10
const CHALLENGE_PERIOD = 5000
/** RFC 7323 §5.5: a timestamp as old as this means nothing any more. */
const STAMP_VALID = 24 * 24 * 3_600_000

/** What an incoming segment does to the connection it belongs to (RFC 9293 §3.10.7, RFC 5961, RFC 7323 §5). */
export class Input {
  readonly #engine: Engine
  readonly #strays: StrayAnswers

  constructor(engine: Engine, strays: StrayAnswers) {
    this.#engine = engine
    this.#strays = strays
  }

  /** Returns the reason for a drop, or undefined. Afterwards the connection may be gone. */
  receive(c: Connection, segment: Segment): string | undefined {
    const reason = this.#receive(c, segment)
    if (c.state !== CLOSED) {
      if (c.ackDue || c.duplicateAcks > 0 || c.synDue || c.sent.lost > 0 || c.unsent > 0 || c.finQueued) {
        this.#engine.touch(c)
      }
      this.#engine.arm(c)
    }
    return reason
  }

  #receive(c: Connection, segment: Segment): string | undefined {
    if (c.state === PENDING) return receivePending(this.#engine, c, segment)
    if (c.state === SYN_SENT) return receiveSynSent(this.#engine, this.#strays, c, segment)
    const { flags } = segment
    const crossed = isCrossedSyn(c, segment)
    const reason = crossed ? undefined : this.#judge(c, segment)
    if (reason !== undefined) return reason
    if ((flags & ACK) === 0) return 'tcp-no-ack'
    if (c.state === SYN_RECEIVED) {
      if (!isAfter(segment.acknowledgment, c.sndUna) || isAfter(segment.acknowledgment, c.sndNxt)) {
        this.#strays.refuseSegment(c.key, c.version, segment, this.#engine.now, c.peer)
        return 'tcp-ack-unacceptable'
      }
      c.sndWl1 = (segment.sequence - 1) | 0
      startEstablished(this.#engine, c)
      this.#engine.tell(c, CONNECTED)
    } else if (this.#isAckOutside(c, segment)) return 'tcp-ack-unacceptable'
    hear(this.#engine, c, segment)
    const before = c.sendLength
    processAcknowledgment(c, segment, this.#engine.now, this.#engine.stampOf(c))
    if (c.sendLength < before) this.#freed(c)
    this.#takeAckOfFin(c)
    if (c.state === CLOSED) return undefined
    if (crossed) return undefined
    if (c.orphaned && segment.length > 0 && mayReceive(c.state) && isAfter(end(segment), c.rcvNxt)) {
      // Nobody is there to read it: the other end must know (RFC 1122 §4.2.2.13).
      this.#strays.abort(c, this.#engine.now)
      this.#engine.kill(c, 'aborted')
      return 'tcp-nobody-reads'
    }
    return takeData(this.#engine, c, segment)
  }

  /** Sequence, RST, SYN: returns why the segment goes no further, or undefined. */
  #judge(c: Connection, segment: Segment): string | undefined {
    const { flags, options } = segment
    const isReset = (flags & RST) !== 0
    if (c.timestampsOk && !isReset) {
      if (!options.hasTimestamp) return 'tcp-timestamp-missing'
      if (this.#isStale(c, segment)) return this.#challenge(c, segment, 'tcp-paws')
    }
    if (!isAcceptable(c, segment)) {
      if (isReset) return 'tcp-outside-window'
      // A SYN-ACK, or the ACK of a FIN, has been lost.
      if (c.state === SYN_RECEIVED && (flags & SYN) !== 0 && segment.sequence === c.irs) c.synDue = true
      else if (c.state === TIME_WAIT && segment.span > 0) {
        c.ackDue = true
        c.lifeAt = this.#engine.now + this.#engine.settings.timeWait
      } else this.#challenge(c, segment, '')
      return 'tcp-outside-window'
    }
    if (isReset) {
      if (segment.sequence !== c.rcvNxt) return this.#challenge(c, segment, 'tcp-reset-not-exact')
      this.#engine.kill(c, 'reset')
      return 'tcp-reset'
    }
    return (flags & SYN) !== 0 ? this.#challenge(c, segment, 'tcp-syn-in-window') : undefined
  }

  /** RFC 7323 §5.3. ACKs without data may overtake each other a little: they bring nothing that could be taken wrongly. */
  #isStale(c: Connection, { options, span }: Segment): boolean {
    const age = distance(options.timestamp, c.tsRecent)
    if (age <= 0 || this.#engine.now - c.tsRecentAt >= STAMP_VALID) return false
    return span > 0 || age > c.roundTrip.timeout
  }

  /** An ACK that tells the other end where we stand; limited for each connection by itself (CVE-2016-5696). */
  #challenge(c: Connection, segment: Segment, reason: string): string {
    const { now } = this.#engine
    if (now - c.challengesFrom >= CHALLENGE_PERIOD) {
      c.challengesFrom = now
      c.challenges = 0
    }
    // Data sent once more waits for its ACK, and cannot be made endless by ACKs alone.
    if (c.challenges++ < CHALLENGES || (segment.length > 0 && (segment.flags & (SYN | RST)) === 0)) c.ackDue = true
    return reason
  }

  /** RFC 5961 §5.2: not of the future, and not older than the largest window. */
  #isAckOutside(c: Connection, segment: Segment): boolean {
    const ack = segment.acknowledgment
    if (!isAfter(ack, c.sndNxt) && distance(ack, c.sndUna) <= c.largestWindow) return false
    this.#challenge(c, segment, '')
    return true
  }

  #freed(c: Connection): void {
    const { sendBuffer } = this.#engine.settings
    if (!c.wantsWritable || c.sendLength > sendBuffer - sendBuffer / 3) return
    c.wantsWritable = false
    this.#engine.tell(c, WRITABLE)
  }

  #takeAckOfFin(c: Connection): void {
    if (!c.finSent || c.sndUna !== c.sndNxt) return
    if (c.state === FIN_WAIT_1) {
      c.state = FIN_WAIT_2
      if (c.orphaned) c.lifeAt = this.#engine.now + this.#engine.settings.finWait
    } else if (c.state === CLOSING) startTimeWait(this.#engine, c)
    else if (c.state === LAST_ACK) this.#engine.retire(c)
  }
}

/** The SYN-ACK of a simultaneous open: its SYN has been seen, its ACK is new (RFC 9293 §3.5, figure 8). */
function isCrossedSyn(c: Connection, { flags, sequence, acknowledgment }: Segment): boolean {
  const both = SYN | ACK
  return (
    c.state === SYN_RECEIVED &&
    !c.passive &&
    (flags & (both | RST)) === both &&
    sequence === c.irs &&
    acknowledgment === c.sndNxt
  )
}

/** RFC 9293 §3.4, but that a segment which only touches the right edge, or covers the whole window, is acceptable too. */
function isAcceptable(c: Connection, segment: Segment): boolean {
  const { sequence, span } = segment
  if (span === 0) return !isBefore(sequence, c.rcvNxt) && !isAfter(sequence, c.rcvEdge)
  if (c.rcvEdge === c.rcvNxt) return sequence === c.rcvNxt
  return isBefore(sequence, c.rcvEdge) && isAfter((sequence + span) | 0, c.rcvNxt)
}

function end(segment: Segment): number {
  return (segment.sequence + segment.length) | 0
}
