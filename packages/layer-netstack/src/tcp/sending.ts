import type { Connection } from './connection.ts'
import { ACK, FIN, PSH } from './flags.ts'
import { OPEN } from './loss-detection.ts'
import type { SegmentWriter } from './segment-writer.ts'
import { distance } from './sequence.ts'

const NEVER = Number.POSITIVE_INFINITY
/** The least wait for a tail loss probe, and what a lone segment waits for besides: its ACK may be delayed (RFC 8985 §7.2). */
const SHORTEST_PROBE = 10
const DELAYED_ACK = 200

/** `length` bytes, and perhaps the FIN, have been sent for the first time. */
export function rememberSent(c: Connection, length: number, now: number): void {
  const { sent } = c
  if (sent.count === 0) c.waitingSince = now
  for (let done = 0; done < length; ) {
    done += Math.min(c.mss, length - done)
    sent.push((c.sndNxt + done) | 0, now)
  }
  c.sndNxt = (c.sndNxt + length) | 0
  if (c.finSent) {
    c.sndNxt = (c.sndNxt + 1) | 0
    sent.push(c.sndNxt, now)
  }
  // In slow start half of it in use is enough (RFC 7661 §4.3 draws the line there too).
  if (c.congestion.inSlowStart && sent.inFlight * 2 >= c.congestion.window) c.isWindowLimited = true
  c.persistAt = NEVER
  if (c.rtoAt === NEVER) c.rtoAt = now + c.roundTrip.timeout
  c.tailProbeAt = NEVER
}

/** Sends again `size` numbers from `start` on, the FIN among them. False if there was no packet to be had. */
export function writeAgain(writer: SegmentWriter, c: Connection, start: number, size: number): boolean {
  const end = (start + size) | 0
  const hasFin = c.finSent && end === c.sndNxt
  const isLast = distance(end, (c.sendStart + c.sendLength) | 0) <= 0
  const flags = ACK | (isLast && size > (hasFin ? 1 : 0) ? PSH : 0) | (hasFin ? FIN : 0)
  return writer.write(c, flags, start, hasFin ? size - 1 : size)
}

/** Sees to it that something happens if nothing comes back: a window probe, or a tail loss probe (RFC 8985 §7.2). */
export function armProbes(c: Connection, now: number): void {
  const { sent, loss, roundTrip } = c
  if (sent.count === 0) {
    if (c.unsent > 0 && c.persistAt === NEVER) c.persistAt = now + roundTrip.timeout
    return
  }
  if (c.tailProbeAt !== NEVER || loss.probeOpen || loss.phase !== OPEN || sent.sacked > 0 || c.sndWnd === 0) return
  if (roundTrip.smoothed === 0) return
  const wait = Math.max(2 * roundTrip.smoothed, SHORTEST_PROBE) + (sent.count === 1 ? DELAYED_ACK : 0)
  if (now + wait < c.rtoAt) c.tailProbeAt = now + wait
}
