import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import type { Pieces } from './pieces.ts'
import { distance } from './sequence.ts'
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, LAST_ACK, mayReceive, SYN_RECEIVED, SYN_SENT } from './state.ts'

const NOTHING = new Uint8Array(0)

/** Takes as much of `bytes` into the send buffer as there is room for. Returns how much. */
export function writeStream(engine: Engine, c: Connection, bytes: Uint8Array): number {
  if (!mayWrite(c)) return 0
  const room = Math.min(bytes.length, engine.settings.sendBuffer - c.sendLength)
  const taken = c.sendRing.write(c.sendLength, bytes, 0, Math.min(room, engine.sendSpace))
  c.sendLength += taken
  c.wantsWritable = taken < bytes.length
  if (taken < room) starve(engine, c)
  if (taken > 0) engine.touch(c)
  return taken
}

/** Makes room in the send buffer, `limit` bytes at most, and adds to `pieces` where it lies. Returns how much. */
export function reserveStream(engine: Engine, c: Connection, limit: number, pieces: Pieces): number {
  if (!mayWrite(c)) return 0
  const room = Math.min(limit, engine.settings.sendBuffer - c.sendLength)
  const reserved = c.sendRing.reserve(c.sendLength, Math.min(room, engine.sendSpace))
  c.reserved = reserved
  c.wantsWritable = reserved === 0
  if (reserved === 0 && room > 0) starve(engine, c)
  return c.sendRing.locate(c.sendLength, reserved, pieces)
}

/** The first `count` bytes of the room are to be sent now; the rest of it is given back. */
export function commitStream(engine: Engine, c: Connection, count: number): void {
  const rest = c.reserved - count
  c.reserved = 0
  c.sendLength += count
  if (rest > 0) c.sendRing.unreserve(c.sendLength, rest)
  if (count > 0) engine.touch(c)
}

function mayWrite(c: Connection): boolean {
  if (c.finQueued) return false
  return c.state === SYN_SENT || c.state === SYN_RECEIVED || c.state === ESTABLISHED || c.state === CLOSE_WAIT
}

function starve(engine: Engine, c: Connection): void {
  if (c.isStarved) return
  c.isStarved = true
  engine.starved.push(c)
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
