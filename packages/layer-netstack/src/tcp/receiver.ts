import type { Connection } from './connection.ts'
import { type Engine, READABLE } from './engine.ts'
import { FIN } from './flags.ts'
import type { Segment } from './segment.ts'
import { distance, isAfter, isBefore } from './sequence.ts'
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, mayReceive, TIME_WAIT } from './state.ts'

/** RFC 9293 §3.8.6.3 allows 500 ms; Linux waits 40. */
const DELAY = 40

/**
 * Takes the data and the FIN of an acceptable segment, and sees to it that they are acknowledged in time. Returns the
 * reason for a drop, or undefined.
 */
export function takeData(engine: Engine, c: Connection, segment: Segment): string | undefined {
  const { received } = c
  const hasFin = (segment.flags & FIN) !== 0
  if (segment.length === 0 && !hasFin) return undefined
  if (!mayReceive(c.state)) {
    c.ackDue = true
    return undefined
  }
  const before = received.next
  const hadHoles = received.hasHoles
  let length = segment.length
  const end = (segment.sequence + length) | 0
  if (hasFin && !c.hasFin && !isBefore(end, c.rcvNxt) && !isAfter(end, c.rcvEdge)) {
    c.hasFin = true
    c.finAt = end
  }
  // Behind the FIN there is nothing.
  if (c.hasFin && isAfter(end, c.finAt)) length -= distance(c.finAt, end)
  const complete = length <= 0 || received.insert(segment.sequence, segment.memory, segment.payload, length)
  const advanced = distance(before, received.next)
  if (segment.unit > c.rcvMss) c.rcvMss = segment.unit
  if (advanced === 0 && segment.length > 0 && !c.sackOk && received.hasHoles) {
    c.duplicateAcks = Math.min(c.duplicateAcks + 1, 64)
  }
  c.rcvNxt = received.next
  if (advanced > 0) engine.tell(c, READABLE)
  if (c.hasFin && c.rcvNxt === c.finAt) takeFin(engine, c)
  scheduleAck(engine, c, advanced, hadHoles || received.hasHoles || hasFin || !complete || advanced < segment.length)
  return complete ? undefined : 'tcp-no-room'
}

/** RFC 5681 §4.2: every second full segment, at once what tells of a hole or fills one, else within the delay. */
function scheduleAck(engine: Engine, c: Connection, advanced: number, isUrgent: boolean): void {
  c.unacknowledged += advanced
  const isQuick = c.quickAcks > 0
  if (isQuick) c.quickAcks--
  if (isUrgent || isQuick || c.unacknowledged >= 2 * c.rcvMss) c.ackDue = true
  else if (c.ackAt === Number.POSITIVE_INFINITY) c.ackAt = engine.now + DELAY
}

/** RFC 9293 §3.10.7.4, eighth. */
function takeFin(engine: Engine, c: Connection): void {
  c.rcvNxt = (c.rcvNxt + 1) | 0
  c.ended = true
  c.ackDue = true
  engine.tell(c, READABLE)
  if (c.state === ESTABLISHED) c.state = CLOSE_WAIT
  else if (c.state === FIN_WAIT_1) c.state = CLOSING
  else if (c.state === FIN_WAIT_2) startTimeWait(engine, c)
}

/** RFC 9293 §3.6.1: what is still under way in the network dies out before the pair of sockets is used again. */
export function startTimeWait(engine: Engine, c: Connection): void {
  c.state = TIME_WAIT
  c.stopTimers()
  c.lifeAt = engine.now + engine.settings.timeWait
  engine.settle(c)
}

/** An acceptable segment has come: the other end is there, and its timestamp may be the one to echo. */
export function hear(engine: Engine, c: Connection, { sequence, options, span }: Segment): void {
  const { now } = engine
  c.lastHeard = now
  c.keepaliveProbes = 0
  if (!c.timestampsOk || !options.hasTimestamp) return
  // RFC 7323 §4.3: only what begins at or before what was acknowledged last tells when that was sent.
  if (isAfter(sequence, c.lastAckSent) || isBefore(options.timestamp, c.tsRecent)) return
  if (span === 0 && isBefore(sequence, c.lastAckSent)) return
  c.tsRecent = options.timestamp
  c.tsRecentAt = now
}
