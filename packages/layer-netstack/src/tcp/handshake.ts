import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import type { Segment } from './segment.ts'
import { TIMESTAMP_OPTION } from './segment-writer.ts'
import { ESTABLISHED, FIN_WAIT_1 } from './state.ts'

/** Where there is no MSS option (RFC 9293 §3.7.1). */
const DEFAULT_MSS_4 = 536
const DEFAULT_MSS_6 = 1220
/** Whoever asks for less would have us send nothing but headers (CVE-2019-11479); Linux draws the line here too. */
const SMALLEST_MSS = 88

/** Takes over what the SYN of the other end says; what it does not offer we do not use (RFC 7323 §1.3, RFC 2018 §2). */
export function takeSynOptions(engine: Engine, c: Connection, segment: Segment): void {
  const { options } = segment
  const { now, settings } = engine
  c.irs = segment.sequence
  c.received.begin((segment.sequence + 1) | 0)
  c.rcvNxt = c.received.next
  c.rcvEdge = c.rcvNxt
  c.lastAckSent = c.rcvNxt
  c.sackOk = options.sackPermitted
  c.timestampsOk = options.hasTimestamp
  c.tsRecent = options.timestamp
  c.tsRecentAt = now
  c.windowScaleOk = options.windowShift >= 0
  c.sndShift = c.windowScaleOk ? options.windowShift : 0
  c.rcvShift = c.windowScaleOk ? windowShift(settings.receiveBuffer) : 0
  const fallback = c.version === 4 ? DEFAULT_MSS_4 : DEFAULT_MSS_6
  setSegmentSize(c, Math.max(options.mss === 0 ? fallback : options.mss, SMALLEST_MSS), settings.mtu)
  // The window of a SYN is not scaled (RFC 7323 §2.2).
  c.sndWnd = segment.window
  c.largestWindow = segment.window
  c.sndWl1 = segment.sequence
  c.lastHeard = now
}

/** Before a SYN of ours has been answered: everything is offered. */
export function offerOptions(engine: Engine, c: Connection): void {
  c.sackOk = true
  c.timestampsOk = true
  c.tsRecent = 0
  c.windowScaleOk = true
  c.rcvShift = windowShift(engine.settings.receiveBuffer)
  setSegmentSize(c, c.version === 4 ? DEFAULT_MSS_4 : DEFAULT_MSS_6, engine.settings.mtu)
}

/** Begins the sending side. `c.key` is set. */
export function chooseNumbers(engine: Engine, c: Connection): void {
  engine.numbers.make(c.key, engine.now)
  c.iss = engine.numbers.sequence
  c.tsOffset = engine.numbers.timestampOffset
  c.sndUna = c.iss
  c.sndNxt = (c.iss + 1) | 0
  c.sndWl2 = c.iss
  c.sendStart = c.sndNxt
  c.sent.begin(c.sndNxt)
  c.loss.begin(c.sndNxt)
}

export function startEstablished(engine: Engine, c: Connection): void {
  const { now, settings } = engine
  engine.setHalfOpen(c, false)
  c.state = c.finQueued ? FIN_WAIT_1 : ESTABLISHED
  c.retries = 0
  c.rtoAt = Number.POSITIVE_INFINITY
  c.congestion.reset(c.mss)
  c.keepaliveAt = settings.keepaliveIdle === 0 ? Number.POSITIVE_INFINITY : now + settings.keepaliveIdle
}

/** `mss` as the option has it, without what our options take (RFC 6691 §2). */
function setSegmentSize(c: Connection, mss: number, mtu: number): void {
  const path = mtu - (c.version === 4 ? 40 : 60)
  c.mss = Math.min(mss, path) - (c.timestampsOk ? TIMESTAMP_OPTION : 0)
}

/** RFC 7323 §2.3: the least shift by which the window fits into 16 bits. */
function windowShift(size: number): number {
  let shift = 0
  while (shift < 14 && Math.floor(size / 2 ** shift) > 0xffff) shift++
  return shift
}
