import type { Engine } from './engine.ts'
import type { SegmentWriter } from './segment-writer.ts'
import type { Transmitter } from './transmitter.ts'

/** Packets of one connection before it is the next one's turn. */
const TURN = 4

/** Sends what connections have to send, in turns, about `budget` packets. True if there is more. */
export function flushDirty(engine: Engine, writer: SegmentWriter, transmitter: Transmitter, budget: number): boolean {
  const end = writer.written + budget
  while (writer.written < end) {
    const c = engine.dirty.shift()
    if (c === undefined) return false
    c.isDirty = false
    const before = writer.written
    const isDone = transmitter.transmit(c, TURN)
    engine.arm(c)
    if (isDone) continue
    engine.touch(c)
    // There was no packet to be had, and there will be none for the others.
    if (writer.written === before) return true
  }
  return engine.dirty.length > 0
}
