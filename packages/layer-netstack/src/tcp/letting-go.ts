import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import type { Rejection } from './listener.ts'
import { FIN_WAIT_2, PENDING, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'
import type { StrayAnswers } from './stray-answers.ts'
import { shutdownStream } from './streams.ts'

/** Answers the SYN of a connection that is PENDING: no. */
export function rejectConnection(engine: Engine, strays: StrayAnswers, c: Connection, how: Rejection): void {
  if (how === 'refused') strays.refuseSyn(c, engine.now)
  else if (how === 'unreachable') strays.reportSyn(c, 'host-unreachable', engine.now)
  else if (how === 'prohibited') strays.reportSyn(c, 'admin-prohibited', engine.now)
  c.handle = -1
  engine.kill(c, 'refused')
}

/** Nobody reads any more; what has been written is still delivered, but not for ever. */
export function closeConnection(engine: Engine, strays: StrayAnswers, c: Connection): void {
  // What was not read would be lost without the other end knowing (RFC 1122 §4.2.2.13).
  if (c.received.length > 0 || c.state === PENDING || c.state === SYN_SENT) {
    abortConnection(engine, strays, c)
    return
  }
  shutdownStream(engine, c)
  c.orphaned = true
  const { finWait, userTimeout } = engine.settings
  if (c.state !== TIME_WAIT) c.lifeAt = engine.now + (c.state === FIN_WAIT_2 ? finWait : userTimeout)
  engine.arm(c)
  engine.release(c)
}

export function abortConnection(engine: Engine, strays: StrayAnswers, c: Connection): void {
  if (c.state === PENDING) strays.refuseSyn(c, engine.now)
  else if (c.state >= SYN_RECEIVED && c.state < TIME_WAIT) strays.abort(c, engine.now)
  c.handle = -1
  engine.kill(c, 'aborted')
}
