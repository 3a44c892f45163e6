import { FreeList } from './free-list.ts'
import { TupleIndex } from './tuple-index.ts'

/**
 * Which remote addresses an outside address and port has spoken to, for address-dependent filtering (RFC 4787 §5) of
 * mappings that are not address-dependent themselves. Counted by session, so there are never more than those.
 */
export class Permissions {
  readonly #index: TupleIndex
  readonly #free: FreeList
  readonly #sessions: Uint32Array

  constructor(capacity: number, key: () => number) {
    this.#index = new TupleIndex(capacity, key(), key())
    this.#free = new FreeList(capacity)
    this.#sessions = new Uint32Array(capacity)
  }

  has(protocol: number, address: number, port: number, remote: number): boolean {
    return this.#index.find(protocol, address, port, remote, 0) >= 0
  }

  grant(protocol: number, address: number, port: number, remote: number): void {
    let entry = this.#index.find(protocol, address, port, remote, 0)
    if (entry < 0) {
      entry = this.#free.take()
      this.#sessions[entry] = 0
      this.#index.insert(entry, protocol, address, port, remote, 0)
    }
    this.#sessions[entry] = (this.#sessions[entry] as number) + 1
  }

  /** Takes back what was granted once. */
  revoke(protocol: number, address: number, port: number, remote: number): void {
    const entry = this.#index.find(protocol, address, port, remote, 0)
    const sessions = (this.#sessions[entry] as number) - 1
    this.#sessions[entry] = sessions
    if (sessions > 0) return
    this.#index.remove(entry)
    this.#free.release(entry)
  }
}
