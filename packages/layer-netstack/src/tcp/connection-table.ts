import { KeyIndex } from '@millrace/core'
import { KEY_WORDS } from '../ip/socket-pair.ts'
import { Handles } from '../table/handles.ts'
import { WaitingList } from '../table/waiting-list.ts'
import { Connection } from './connection.ts'
import type { TcpSettings } from './options.ts'
import type { Slab } from './slab.ts'

/**
 * The blocks of all connections, made as they are needed and used again. A handle that is too old finds nothing. When
 * none is free the oldest TIME-WAIT that nobody holds makes room (RFC 9293 §3.6.1 allows to reuse what is there; refusing everybody would be worse).
 */
export class ConnectionTable {
  readonly index: KeyIndex
  readonly #slab: Slab
  readonly #settings: TcpSettings
  readonly #blocks: Connection[] = []
  readonly #free: Connection[] = []
  readonly #handles: Handles
  /** Blocks in TIME-WAIT that nobody holds. */
  readonly waiting: WaitingList

  constructor(slab: Slab, settings: TcpSettings, key0: number, key1: number) {
    this.#slab = slab
    this.#settings = settings
    this.#handles = new Handles(settings.connections)
    this.waiting = new WaitingList(settings.connections)
    this.index = new KeyIndex(settings.connections, KEY_WORDS, key0, key1)
  }

  /** Blocks in use. */
  get size(): number {
    return this.#blocks.length - this.#free.length
  }

  /** The connection that segments with this key belong to. */
  find(key: Int32Array): Connection | undefined {
    const found = this.index.find(key)
    return found < 0 ? undefined : this.#blocks[found]
  }

  /** The connection with this handle. */
  of(handle: number): Connection | undefined {
    const connection = this.#blocks[this.#handles.indexOf(handle)]
    return connection?.handle === handle && handle >= 0 ? connection : undefined
  }

  at(index: number): Connection {
    return this.#blocks[index] as Connection
  }

  /** A block with this key and a handle of its own, or undefined when all are in use. The key must not be in the index. */
  open(key: Int32Array): Connection | undefined {
    const connection = this.#free.pop() ?? this.#make()
    if (connection === undefined) return undefined
    connection.reset()
    this.index.insert(connection.index, key)
    connection.indexed = true
    connection.handle = this.#handles.next(connection.index)
    return connection
  }

  /** Segments with its key no longer find it. */
  unlist(connection: Connection): void {
    if (!connection.indexed) return
    connection.indexed = false
    this.index.remove(connection.index)
  }

  /** Gives the block back. */
  close(connection: Connection): void {
    this.unlist(connection)
    this.waiting.remove(connection.index)
    connection.handle = -1
    connection.reset()
    this.#free.push(connection)
  }

  /** The TIME-WAIT that has lasted longest of those that nobody holds, if all blocks are in use. */
  oldestWaiting(): Connection | undefined {
    if (this.#free.length > 0 || this.#blocks.length < this.#settings.connections) return undefined
    const first = this.waiting.first
    return first < 0 ? undefined : this.at(first)
  }

  #make(): Connection | undefined {
    if (this.#blocks.length >= this.#settings.connections) return undefined
    const number = this.#blocks.length
    const key = this.index.keys.subarray(number * KEY_WORDS, (number + 1) * KEY_WORDS)
    const connection = new Connection(number, key, this.#slab, this.#settings)
    this.#blocks.push(connection)
    return connection
  }
}
