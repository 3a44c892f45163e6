import type { Connection } from './network.ts'

/**
 * Joins two connections, each at the pace of its slower side. When one half ends, so does the half it leads to, and the
 * other way goes on. When one vanishes before both ways have ended, the other is reset.
 */
export function relay(one: Connection, other: Connection): void {
  tie(one, other)
  tie(other, one)
  if (one.destroyed || other.destroyed) {
    reset(one)
    reset(other)
    return
  }
  one.pipe(other)
  other.pipe(one)
}

function tie(one: Connection, other: Connection): void {
  one.on('error', () => {})
  one.once('close', () => {
    const isOver = one.readableEnded && one.writableFinished
    if (!isOver) reset(other)
  })
}

/** Ends a connection as one that has failed. */
export function reset(connection: Connection): void {
  if (connection.destroyed) return
  connection.on('error', () => {})
  if (connection.resetAndDestroy === undefined) connection.destroy()
  else connection.resetAndDestroy()
}
