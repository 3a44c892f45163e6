import { processAcknowledgment } from './acknowledgment.ts'
import type { Connection } from './connection.ts'
import { CONNECTED, type Engine } from './engine.ts'
import { ACK, RST, SYN } from './flags.ts'
import { startEstablished, takeSynOptions } from './handshake.ts'
import { hear } from './receiver.ts'
import type { Segment } from './segment.ts'
import { SYN_RECEIVED } from './state.ts'
import type { StrayAnswers } from './stray-answers.ts'

/** Before its owner has said whether it is accepted. Returns the reason for a drop, or undefined, as all of these do. */
export function receivePending(engine: Engine, c: Connection, segment: Segment): string | undefined {
  const { flags } = segment
  if ((flags & RST) !== 0) {
    if (segment.sequence !== ((c.irs + 1) | 0) && segment.sequence !== c.irs) return 'tcp-outside-window'
    engine.kill(c, 'reset')
    return 'tcp-reset'
  }
  if ((flags & (SYN | ACK)) !== SYN) return 'tcp-not-accepted-yet'
  // The same SYN again is what its sender does while it waits. Another one has taken its place.
  if (segment.sequence === c.irs) return 'tcp-syn-repeated'
  takeSynOptions(engine, c, segment)
  return undefined
}

/** RFC 9293 §3.10.7.3. */
export function receiveSynSent(
  engine: Engine,
  strays: StrayAnswers,
  c: Connection,
  segment: Segment,
): string | undefined {
  const { flags } = segment
  const hasAck = (flags & ACK) !== 0
  if (hasAck && segment.acknowledgment !== c.sndNxt) {
    strays.refuseSegment(c.key, c.version, segment, engine.now, c.peer)
    return 'tcp-ack-unacceptable'
  }
  if ((flags & RST) !== 0) {
    if (!hasAck) return 'tcp-outside-window'
    engine.kill(c, 'refused')
    return 'tcp-reset'
  }
  if ((flags & SYN) === 0) return 'tcp-no-syn'
  takeSynOptions(engine, c, segment)
  if (!hasAck) {
    // Both have called each other at the same time (RFC 9293 §3.5, figure 8).
    c.state = SYN_RECEIVED
    c.synDue = true
    return undefined
  }
  c.ackDue = true
  c.sndWl1 = (segment.sequence - 1) | 0
  startEstablished(engine, c)
  engine.tell(c, CONNECTED)
  hear(engine, c, segment)
  processAcknowledgment(c, segment, engine.now, engine.stampOf(c))
  return undefined
}
