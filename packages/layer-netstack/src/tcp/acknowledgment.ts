import type { Connection } from './connection.ts'
import { SYN } from './flags.ts'
import { OPEN, RECOVERY } from './loss-detection.ts'
import { enterRecovery, judgeRepair } from './repair.ts'
import type { Segment } from './segment.ts'
import { distance, isAfter, isBefore } from './sequence.ts'

const NEVER = Number.POSITIVE_INFINITY
/** RFC 5681 §3.2. */
const DUPLICATES = 3

/**
 * What an acceptable ACK means for the sending side: window, acknowledged bytes, round trip, losses, congestion window
 * (RFC 9293 §3.10.7.4, RFC 6675, RFC 8985). Data that it frees and what may be sent now is for the caller to see to.
 */
export function processAcknowledgment(c: Connection, segment: Segment, now: number, stamp: number): void {
  const ack = segment.acknowledgment
  const { loss, roundTrip, congestion } = c
  const opened = updateWindow(c, segment)
  const advanced = distance(c.sndUna, ack)
  if (advanced < 0) return
  loss.beginAck()
  if (advanced > 0) advance(c, ack, now)
  const doubled = c.sackOk && segment.options.blockCount > 0 && takeBlocks(c, segment, now)
  if (doubled) loss.duplicated()

  if (loss.sampleTime >= 0) roundTrip.sample(now - loss.sampleTime, now)
  else if (advanced > 0 && c.timestampsOk && segment.options.hasTimestamp && segment.options.echo !== 0) {
    const rtt = distance(segment.options.echo, stamp)
    if (rtt >= 0) roundTrip.sample(rtt, now)
  }

  if (advanced > 0) {
    if (loss.undoOpen && isAfter(ack, loss.undoFrom)) judgeRepair(c, segment)
    if (loss.phase !== OPEN && !isBefore(ack, loss.recoverAt)) loss.phase = OPEN
  }
  finishProbe(c, segment, advanced, doubled)
  findLosses(c, segment, advanced, now, opened)
  enterRecovery(c, stamp)
  if (loss.phase !== RECOVERY && loss.delivered > 0 && c.isWindowLimited) {
    congestion.acknowledged(loss.delivered, roundTrip.smoothed, now)
  }
  if (opened && advanced === 0 && c.probing) reopen(c)
  if (advanced > 0) restartTimers(c, now)
}

/** RFC 9293 §3.10.7.4: from the latest segment only. Returns whether it went up. */
function updateWindow(c: Connection, { sequence, acknowledgment, window, flags }: Segment): boolean {
  if (isBefore(acknowledgment, c.sndUna)) return false
  if (isAfter(c.sndWl1, sequence) || (c.sndWl1 === sequence && isAfter(c.sndWl2, acknowledgment))) return false
  const before = c.sndWnd
  // The window of a SYN is not scaled (RFC 7323 §2.2).
  c.sndWnd = (flags & SYN) !== 0 ? window : window << c.sndShift
  c.sndWl1 = sequence
  c.sndWl2 = acknowledgment
  if (c.sndWnd > c.largestWindow) c.largestWindow = c.sndWnd
  return c.sndWnd > before
}

function advance(c: Connection, ack: number, now: number): void {
  const { sent, loss, roundTrip } = c
  c.sndUna = ack
  c.retries = 0
  c.probing = false
  roundTrip.relax()
  while (sent.count > 0 && !isAfter(sent.endOf(0), ack)) {
    if (!sent.isSacked(0)) loss.deliver(sent, 0, now, roundTrip.minimum)
    sent.shift()
  }
  if (sent.count > 0 && isAfter(ack, sent.start)) sent.trim(ack)
  // SYN and FIN are acknowledged too, and are no bytes.
  const freed = Math.min(Math.max(distance(c.sendStart, ack), 0), c.sendLength)
  c.sendLength -= freed
  c.sendStart = (c.sendStart + freed) | 0
  if (c.sendLength === 0) c.sendRing.clear()
  else c.sendRing.consume(freed)
}

/** Marks what the SACK blocks name (RFC 2018 §4). Returns whether the first of them is a duplicate's (RFC 2883 §4). */
function takeBlocks(c: Connection, { options, acknowledgment }: Segment, now: number): boolean {
  const { blocks, blockCount } = options
  const { sent } = c
  const first = blocks[0] as number
  const firstEnd = blocks[1] as number
  const nested = blockCount > 1 && !isBefore(first, blocks[2] as number) && !isAfter(firstEnd, blocks[3] as number)
  const doubled = !isAfter(firstEnd, acknowledgment) || nested
  for (let b = doubled ? 1 : 0; b < blockCount; b++) {
    const start = blocks[b * 2] as number
    const end = blocks[b * 2 + 1] as number
    if (!isBefore(start, end) || isBefore(start, c.sndUna) || isAfter(end, c.sndNxt)) continue
    for (let i = sent.search(start); i < sent.count && !isAfter(sent.endOf(i), end); i++) {
      if (sent.isSacked(i) || isBefore(sent.startOf(i), start)) continue
      c.loss.deliver(sent, i, now, c.roundTrip.minimum)
      sent.markSacked(i)
    }
  }
  return doubled
}

/** RFC 8985 §7.4.2: a probe that repaired a loss hid it from the congestion control. */
function finishProbe(c: Connection, segment: Segment, advanced: number, doubled: boolean): void {
  const { loss } = c
  if (!loss.probeOpen || isBefore(segment.acknowledgment, loss.probeEnd)) return
  const arrivedTwice = doubled || (advanced === 0 && segment.length === 0 && segment.options.blockCount === 0)
  if (loss.probeRepeats && !arrivedTwice) {
    if (segment.acknowledgment === loss.probeEnd) return
    if (loss.phase === OPEN) c.congestion.lost()
  }
  loss.probeOpen = false
}

function findLosses(c: Connection, segment: Segment, advanced: number, now: number, opened: boolean): void {
  const { sent, loss, roundTrip } = c
  if (c.sackOk) {
    if (sent.sacked === 0 && loss.phase === OPEN) c.reorderingAt = NEVER
    else c.reorderingAt = loss.detect(sent, now, roundTrip.minimum, roundTrip.smoothed)
  } else countDuplicates(c, segment, advanced, opened)
}

/** NewReno, for a peer without SACK (RFC 6582 §3.2): what data-less ACKs tell. */
function countDuplicates(c: Connection, segment: Segment, advanced: number, opened: boolean): void {
  const { sent, loss } = c
  if (advanced > 0) {
    loss.duplicates = 0
    // A partial ACK: the next hole is at its front.
    if (loss.phase === RECOVERY && sent.count > 0 && !sent.wasRetransmitted(0)) {
      sent.markLost(0)
      loss.sendFirst = true
    }
    return
  }
  if (segment.length > 0 || segment.span > 0 || sent.count === 0 || opened || c.sndWnd === 0) return
  loss.duplicates++
  if (loss.duplicates >= DUPLICATES && loss.phase === OPEN) sent.markLost(0)
}

/** The window was shut and opens: what has been sent as probes has most likely been thrown away. */
function reopen(c: Connection): void {
  c.probing = false
  c.roundTrip.relax()
  for (let i = 0; i < c.sent.count; i++) c.sent.markLost(i)
}

function restartTimers(c: Connection, now: number): void {
  c.waitingSince = now
  c.tailProbeAt = NEVER
  c.persistAt = NEVER
  c.rtoAt = c.sent.count === 0 ? NEVER : now + c.roundTrip.timeout
}
