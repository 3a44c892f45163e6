import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { distance } from './sequence.ts'
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, LAST_ACK, mayReceive, SYN_RECEIVED, SYN_SENT } from './state.ts'

const NOTHING = new Uint8Array(0)

/** Takes as much of `bytes` into the send buffer as there is room for. Returns how much. */
export function writeStream(engine: Engine, c: Connection, bytes: Uint8Array): number {
  const isOpen = c.state === SYN_SENT || c.state === SYN_RECEIVED || c.state === ESTABLISHED || c.state === CLOSE_WAIT
  if (!isOpen || c.finQueued) return 0
  const room = Math.min(bytes.length, engine.settings.sendBuffer - c.sendLength)
  const taken = c.sendRing.write(c.sendLength, bytes, 0, Math.min(room, engine.sendSpace))
  c.sendLength += taken
  c.wantsWritable = taken < bytes.length
  if (taken < room && !c.isStarved) {
    c.isStarved = true
    engine.starved.push(c)
  }
  if (taken > 0) engine.touch(c)
  return taken
}

/** The bytes next to be read that lie in one piece. */
export function peekStream(c: Connection): Uint8Array {
  return c.received.length === 0 ? NOTHING : c.received.peek()
}

/** `count` bytes have been read: the window opens. */
export function consumeStream(engine: Engine, c: Connection, count: number): void {
  c.received.consume(Math.min(Math.max(count, 0), c.received.length))
  updateWindow(engine, c)
  engine.settle(c)
}

export function readStream(engine: Engine, c: Connection, into: Uint8Array): number {
  const count = c.received.read(into)
  if (count > 0) {
    updateWindow(engine, c)
    engine.settle(c)
  }
  return count
}

/** The FIN goes out behind what has been written. */
export function shutdownStream(engine: Engine, c: Connection): void {
  if (c.finQueued) return
  if (c.state === ESTABLISHED) c.state = FIN_WAIT_1
  else if (c.state === CLOSE_WAIT) c.state = LAST_ACK
  else if (c.state !== SYN_SENT && c.state !== SYN_RECEIVED) return
  c.finQueued = true
  c.wantsWritable = false
  engine.touch(c)
}

/** Says that the window has opened, when that is worth a packet: the other end may be waiting (RFC 9293 §3.8.6.2.2). */
function updateWindow(engine: Engine, c: Connection): void {
  if (!mayReceive(c.state)) return
  const size = engine.settings.receiveBuffer
  const offered = Math.max(distance(c.rcvNxt, c.rcvEdge), 0)
  const gain = engine.receiveSpace(c) - offered
  if (gain < size / 2 && (offered >= size / 4 || gain < Math.max(Math.min(size / 8, 4 * c.rcvMss), 1))) return
  c.ackDue = true
  engine.touch(c)
}
