import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import type { Prober } from './prober.ts'
import { enterRecovery, takeAllForLost } from './repair.ts'
import { CLOSED, ESTABLISHED, maySend, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'

const NEVER = Number.POSITIVE_INFINITY
/** Before something is tried again for which there was no packet to be had. */
const RETRY = 1

/** Does what is due of a connection's timers. */
export class Timers {
  readonly #engine: Engine
  readonly #prober: Prober

  constructor(engine: Engine, prober: Prober) {
    this.#engine = engine
    this.#prober = prober
  }

  /** Everything that is due now, of all connections. */
  run(): void {
    const { wheel, table, now } = this.#engine
    for (let index = wheel.take(now); index >= 0; index = wheel.take(now)) {
      const c = table.at(index)
      this.#expire(c)
      if (c.state !== CLOSED) this.#engine.arm(c)
    }
  }

  #expire(c: Connection): void {
    const { now } = this.#engine
    if (c.lifeAt <= now) {
      this.#endOfLife(c)
      return
    }
    if (c.ackAt <= now) {
      c.ackAt = NEVER
      c.ackDue = true
      this.#engine.touch(c)
    }
    if (c.reorderingAt <= now) this.#lookForLosses(c)
    if (c.tailProbeAt <= now) this.#probeTail(c)
    if (c.persistAt <= now) this.#persist(c)
    if (c.rtoAt <= now) this.#timeout(c)
    if (c.state !== CLOSED && c.keepaliveAt <= now) this.#keepalive(c)
  }

  #endOfLife(c: Connection): void {
    if (c.state === TIME_WAIT) this.#engine.retire(c)
    else this.#engine.kill(c, 'timeout')
  }

  #lookForLosses(c: Connection): void {
    const { now } = this.#engine
    c.reorderingAt = c.loss.detect(c.sent, now, c.roundTrip.minimum, c.roundTrip.smoothed)
    enterRecovery(c, this.#engine.stampOf(c))
    this.#engine.touch(c)
  }

  /** RFC 8985 §7.3: new data if there is any, else the last segment again. */
  #probeTail(c: Connection): void {
    const { loss, sent } = c
    c.tailProbeAt = NEVER
    if (!maySend(c.state) || sent.count === 0 || loss.probeOpen) return
    const before = c.sndNxt
    const hasRoom = c.unsent > 0 && ((c.sndUna + c.sndWnd - c.sndNxt) | 0) >= Math.min(c.mss, c.unsent)
    const done = hasRoom && !sent.isFull ? this.#prober.probeWindow(c) : this.#prober.repeatLast(c)
    if (!done) return
    loss.probeOpen = true
    loss.probeRepeats = c.sndNxt === before
    loss.probeEnd = c.sndNxt
    c.tailProbeAt = NEVER
    c.rtoAt = this.#engine.now + c.roundTrip.timeout
  }

  #persist(c: Connection): void {
    c.persistAt = NEVER
    if (!maySend(c.state) || c.sent.count > 0 || c.unsent === 0) return
    if (this.#prober.probeWindow(c)) c.probing = c.sndWnd === 0
    else c.persistAt = this.#engine.now + RETRY
  }

  #timeout(c: Connection): void {
    c.rtoAt = NEVER
    c.tailProbeAt = NEVER
    if (c.state === SYN_SENT || c.state === SYN_RECEIVED) this.#repeatSyn(c)
    else if (c.sent.count > 0) this.#repeatData(c)
  }

  #repeatData(c: Connection): void {
    const { now, settings } = this.#engine
    if (now - Math.max(c.waitingSince, c.probing ? c.lastHeard : 0) >= settings.userTimeout) {
      this.#engine.kill(c, 'timeout')
      return
    }
    c.retries++
    c.roundTrip.backOff()
    if (c.sndWnd === 0) {
      // The window is shut: no sign of congestion, and probes go on for as long as they are answered.
      c.probing = true
      this.#prober.repeatFirst(c)
      c.rtoAt = now + c.roundTrip.timeout
      return
    }
    takeAllForLost(c, this.#engine.stampOf(c))
    this.#engine.touch(c)
    c.rtoAt = now + c.roundTrip.timeout
  }

  #repeatSyn(c: Connection): void {
    if (++c.retries > this.#engine.settings.synRetries) {
      this.#engine.kill(c, 'timeout')
      return
    }
    c.roundTrip.backOff()
    c.synDue = true
    this.#engine.touch(c)
    c.rtoAt = this.#engine.now + c.roundTrip.timeout
  }

  #keepalive(c: Connection): void {
    const { now, settings } = this.#engine
    c.keepaliveAt = NEVER
    if (c.state < ESTABLISHED || c.state >= TIME_WAIT || settings.keepaliveIdle === 0) return
    const dueAt = c.lastHeard + settings.keepaliveIdle
    if (c.keepaliveProbes === 0 && dueAt > now) {
      c.keepaliveAt = dueAt
      return
    }
    // What is under way asks by itself whether the other end is there.
    if (c.sent.count === 0) {
      if (c.keepaliveProbes >= settings.keepaliveProbes) {
        this.#engine.kill(c, 'timeout')
        return
      }
      if (this.#prober.sendKeepalive(c)) c.keepaliveProbes++
    }
    c.keepaliveAt = now + settings.keepaliveInterval
  }
}
