import type { Connection } from './network.ts'
import { reset } from './relay.ts'

/** Connections that have been accepted: so many and no more, and all of them can be ended. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #most: number
  #isClosed = false

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#open.size
  }

  /** False if there is no room: the connection has been reset. */
  add(connection: Connection): boolean {
    if (this.#isClosed || this.#open.size >= this.#most) {
      reset(connection)
      return false
    }
    this.#open.add(connection)
    connection.on('error', () => {})
    connection.once('close', () => this.#open.delete(connection))
    return true
  }

  /** Ends all, and takes no more. */
  closeAll(): void {
    this.#isClosed = true
    for (const connection of this.#open) connection.destroy()
  }
}
