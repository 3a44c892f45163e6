import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { ACK, FIN, PSH, SYN } from './flags.ts'
import type { SegmentWriter } from './segment-writer.ts'
import { armProbes, rememberSent, writeAgain } from './sending.ts'
import { distance } from './sequence.ts'
import { maySend, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'

const NEVER = Number.POSITIVE_INFINITY
/** IPv6 and TCP header with all options there can be; what is left of 65,535 is stream. */
const HEADERS_AT_MOST = 100

/** Decides what a connection may send now, and sends it. */
export class Transmitter {
  readonly #engine: Engine
  readonly #writer: SegmentWriter

  constructor(engine: Engine, writer: SegmentWriter) {
    this.#engine = engine
    this.#writer = writer
  }

  /** False if it has more to send but there was no packet to be had, or it had its turn of `turn` packets. */
  transmit(c: Connection, turn: number): boolean {
    if (c.synDue && !this.#sendSyn(c)) return false
    if (maySend(c.state)) {
      if (c.ackDue && c.received.hasHoles && !this.#sendAck(c)) return false
      for (let sent = 0; ; sent++) {
        if (sent >= turn) return false
        const more = this.#sendOne(c)
        if (more === STALLED) return false
        if (more === NOTHING) break
      }
      armProbes(c, this.#engine.now)
    }
    return this.#sendAcks(c)
  }

  #sendSyn(c: Connection): boolean {
    if (c.state !== SYN_SENT && c.state !== SYN_RECEIVED) {
      c.synDue = false
      return true
    }
    if (!this.#writer.write(c, c.state === SYN_SENT ? SYN : SYN | ACK, c.iss, 0)) return false
    c.synDue = false
    c.rtoAt = this.#engine.now + c.roundTrip.timeout
    return true
  }

  #sendAcks(c: Connection): boolean {
    if (c.state < SYN_RECEIVED || c.state > TIME_WAIT) return true
    while (c.ackDue || c.duplicateAcks > 0) {
      if (!this.#sendAck(c)) return false
    }
    return true
  }

  #sendAck(c: Connection): boolean {
    if (!this.#writer.write(c, ACK, c.sndNxt, 0)) return false
    if (c.duplicateAcks > 0) c.duplicateAcks--
    return true
  }

  #sendOne(c: Connection): number {
    const { sent, loss, congestion } = c
    if (sent.count === 0 && c.unsent > 0) {
      congestion.idled(this.#engine.now - c.lastDataSent, c.roundTrip.timeout)
    }
    // Each duplicate ACK says that something has left the network (RFC 5681 §3.2 step 4).
    const left = c.sackOk ? 0 : loss.duplicates * c.mss
    const room = congestion.window - sent.inFlight + left
    if (sent.lost > 0) {
      if (room >= c.mss || loss.sendFirst || sent.inFlight === 0) return this.#retransmit(c, room)
      return NOTHING
    }
    return this.#sendNew(c, room)
  }

  #retransmit(c: Connection, room: number): number {
    const { sent, loss } = c
    let first = 0
    while (!sent.isLost(first)) first++
    const start = sent.startOf(first)
    // A window that was taken back (RFC 9293 §3.8.6): the timer tries the first segment nevertheless.
    if (first > 0 && distance(c.sndUna, start) >= c.sndWnd) return NOTHING
    const limit = Math.max(Math.min(room, this.#largest(c)), c.mss)
    let size = sent.sizeOf(first)
    let end = first + 1
    while (end < sent.count && sent.isLost(end) && size + sent.sizeOf(end) <= limit) {
      const isFin = c.finSent && end === sent.count - 1
      if (sent.sizeOf(end - 1) !== c.mss && !isFin) break
      size += sent.sizeOf(end)
      end++
    }
    if (!writeAgain(this.#writer, c, start, size)) {
      if (end === first + 1 || !writeAgain(this.#writer, c, start, sent.sizeOf(first))) return STALLED
      end = first + 1
    }
    for (let i = first; i < end; i++) sent.markRetransmitted(i, this.#engine.now)
    loss.sendFirst = false
    if (c.rtoAt === NEVER || first === 0) c.rtoAt = this.#engine.now + c.roundTrip.timeout
    return SENT
  }

  #sendNew(c: Connection, room: number): number {
    const { sent } = c
    if (sent.isFull) return NOTHING
    const { unsent } = c
    if (unsent === 0) return c.finQueued && !c.finSent ? this.#sendFin(c) : NOTHING
    const window = distance(c.sndNxt, (c.sndUna + c.sndWnd) | 0)
    let length = Math.min(unsent, window, room, this.#largest(c))
    c.isWindowLimited = room < Math.min(unsent, window)
    if (length <= 0) return NOTHING
    if (length < unsent) {
      if (length >= c.mss) length -= length % c.mss
      // RFC 9293 §3.8.6.2.1: no small segments because of a small window; the persist timer ends the wait.
      else if (room < window || length < c.largestWindow / 2) return NOTHING
    }
    if (!this.#writeNew(c, length)) {
      length = Math.min(length, c.mss)
      if (!this.#writeNew(c, length)) return STALLED
    }
    rememberSent(c, length, this.#engine.now)
    return SENT
  }

  #writeNew(c: Connection, length: number): boolean {
    const isLast = length === c.unsent
    const withFin = isLast && c.finQueued
    if (!this.#writer.write(c, ACK | (isLast ? PSH : 0) | (withFin ? FIN : 0), c.sndNxt, length)) return false
    c.finSent = withFin
    return true
  }

  #sendFin(c: Connection): number {
    if (!this.#writer.write(c, ACK | FIN, c.sndNxt, 0)) return STALLED
    c.finSent = true
    rememberSent(c, 0, this.#engine.now)
    return SENT
  }

  #largest(c: Connection): number {
    if (!this.#engine.superPackets) return c.mss
    return Math.max(Math.floor((65_535 - HEADERS_AT_MOST) / c.mss), 1) * c.mss
  }
}

const SENT = 0
const NOTHING = 1
const STALLED = 2
