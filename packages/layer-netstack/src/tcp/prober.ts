import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { ACK, FIN, PSH } from './flags.ts'
import type { SegmentWriter } from './segment-writer.ts'
import { rememberSent, writeAgain } from './sending.ts'
import { distance } from './sequence.ts'

/** Sends what asks the other end a question. Each returns false if there was no packet to be had. */
export class Prober {
  readonly #engine: Engine
  readonly #writer: SegmentWriter

  constructor(engine: Engine, writer: SegmentWriter) {
    this.#engine = engine
    this.#writer = writer
  }

  /** One more byte, though the window is shut, or the segment that the window has room for (RFC 9293 §3.8.6.1). */
  probeWindow(c: Connection): boolean {
    const room = distance(c.sndNxt, (c.sndUna + c.sndWnd) | 0)
    const length = Math.min(c.unsent, Math.max(room, 1), c.mss)
    if (length <= 0 || !this.#writer.write(c, ACK | PSH, c.sndNxt, length)) return false
    rememberSent(c, length, this.#engine.now)
    return true
  }

  /** The first unacknowledged byte, or the FIN, again. */
  repeatFirst(c: Connection): boolean {
    const isFin = c.finSent && distance(c.sndUna, c.sndNxt) === 1
    return this.#writer.write(c, isFin ? ACK | FIN : ACK | PSH, c.sndUna, isFin ? 0 : 1)
  }

  /** The last segment again, to find out whether it was lost (RFC 8985 §7.3). */
  repeatLast(c: Connection): boolean {
    const last = c.sent.count - 1
    const start = c.sent.startOf(last)
    if (!writeAgain(this.#writer, c, start, c.sent.sizeOf(last))) return false
    c.sent.markRetransmitted(last, this.#engine.now)
    return true
  }

  /** A segment outside of all windows: the other end answers it if it is there (RFC 1122 §4.2.3.6). */
  sendKeepalive(c: Connection): boolean {
    return this.#writer.write(c, ACK, (c.sndNxt - 1) | 0, 0)
  }
}
