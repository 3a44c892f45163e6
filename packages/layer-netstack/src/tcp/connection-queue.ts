import type { Connection } from './connection.ts'

/** Connections in the order they came. Each may be in it once, which whoever adds it sees to, so it never overflows. */
export class ConnectionQueue {
  readonly #ring: (Connection | undefined)[]
  readonly #mask: number
  #first = 0
  length = 0

  constructor(capacity: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(capacity, 2)))
    this.#ring = new Array<Connection | undefined>(size).fill(undefined)
    this.#mask = size - 1
  }

  push(connection: Connection): void {
    this.#ring[(this.#first + this.length++) & this.#mask] = connection
  }

  shift(): Connection | undefined {
    if (this.length === 0) return undefined
    const connection = this.#ring[this.#first]
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) & this.#mask
    this.length--
    return connection
  }
}
