import type { Connection } from './connection.ts'
import { LOSS, OPEN, RECOVERY } from './loss-detection.ts'
import type { Segment } from './segment.ts'
import { isBefore } from './sequence.ts'

/** Timeouts in a row after which selective acknowledgments are no longer believed. */
const RENEGED = 3

/** Starts to repair what has been found lost, if that has not begun yet. `stamp` is our timestamp. */
export function enterRecovery(c: Connection, stamp: number): void {
  const { sent, loss } = c
  if (sent.lost === 0 || loss.phase !== OPEN) return
  c.congestion.lost()
  loss.phase = RECOVERY
  loss.recoverAt = c.sndNxt
  loss.sendFirst = true
  loss.probeOpen = false
  allowUndo(c, stamp)
}

/** What is repaired now may turn out not to have been lost. */
function allowUndo(c: Connection, stamp: number): void {
  const { sent, loss } = c
  let first = 0
  while (first < sent.count && !sent.isLost(first)) first++
  loss.undoOpen = c.timestampsOk
  loss.undoStamp = stamp
  loss.undoFrom = sent.startOf(first)
}

/** The retransmission timer has gone off (RFC 6298 §5.4, RFC 8985 §6.3). `stamp` is our timestamp. */
export function takeAllForLost(c: Connection, stamp: number): void {
  const { sent, loss } = c
  const isFirst = loss.phase !== LOSS
  if (isFirst) c.congestion.timedOut()
  // A receiver may throw away what it has not acknowledged in order (RFC 2018 §8).
  if (sent.isSacked(0) || c.retries >= RENEGED) sent.unmarkSacked()
  for (let i = 0; i < sent.count; i++) sent.markLost(i)
  loss.phase = LOSS
  loss.recoverAt = c.sndNxt
  loss.sendFirst = true
  loss.probeOpen = false
  loss.duplicates = 0
  if (isFirst) allowUndo(c, stamp)
  else loss.undoOpen = false
  c.reorderingAt = Number.POSITIVE_INFINITY
}

/** Whether there was something to repair: an echo from before it says that the first transmission arrived (RFC 3522 §3.2). */
export function judgeRepair(c: Connection, { options }: Segment): void {
  const { loss, sent } = c
  loss.undoOpen = false
  if (!options.hasTimestamp || !isBefore(options.echo, loss.undoStamp)) return
  c.congestion.undo()
  loss.spurious()
  loss.phase = OPEN
  for (let i = 0; i < sent.count; i++) sent.unmarkLost(i)
}
