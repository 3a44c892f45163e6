import { type FSWatcher, watch } from 'node:fs'
import { basename } from 'node:path'
import type { Logger } from '@millrace/core'
import type { PeerOptions } from '@millrace/layer-wireguard'
import type { PeerRecord } from '../state/state.ts'
import type { StateStore } from '../state/store.ts'
import type { Clients } from './compose.ts'
import { peerOptions, reconcile } from './reconcile.ts'

/** Several events come for one change of a file: it is read once, so many milliseconds after the first. */
const GATHER = 20

/** Keeps the peers of a running gateway as the state file has them, from the moment the file changes. */
export class PeerFollower {
  readonly #store: StateStore
  readonly #clients: Clients
  readonly #logger: Logger
  readonly #watcher: FSWatcher | undefined
  #present: readonly PeerOptions[]
  #scheduled: NodeJS.Timeout | undefined
  #complaint = ''

  constructor(store: StateStore, clients: Clients, present: readonly PeerRecord[], logger: Logger) {
    this.#store = store
    this.#clients = clients
    this.#present = present.map(peerOptions)
    this.#logger = logger
    this.#watcher = this.#watch()
    this.read()
  }

  /** Reads the file now. A broken one is told of once, and the present peers stay. */
  read(): void {
    this.#scheduled = undefined
    try {
      const { peers } = this.#store.require()
      const wanted = peers.map(peerOptions)
      this.#clients.pin(peers)
      const result = reconcile(this.#clients.control, this.#present, wanted)
      this.#present = wanted
      this.#complaint = ''
      if (result.added + result.changed + result.removed > 0) this.#logger.info({ ...result }, 'peers changed')
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#complaint) this.#logger.error({}, `the peers stay as they are: ${message}`)
      this.#complaint = message
    }
  }

  close(): void {
    clearTimeout(this.#scheduled)
    this.#watcher?.close()
  }

  #watch(): FSWatcher | undefined {
    const file = basename(this.#store.file)
    const failed = (err: unknown): void =>
      this.#logger.warn({ err }, 'cannot watch the state directory: changes of peers wait for the next start')
    try {
      const watcher = watch(this.#store.directory, (_event, name) => {
        if (name === file || name === null) this.#scheduled ??= setTimeout(() => this.read(), GATHER)
      })
      return watcher.on('error', failed)
    } catch (error) {
      failed(error)
      return undefined
    }
  }
}
