import type { Account } from './accounts.ts'
import { FreeList } from './free-list.ts'
import { Rows } from './rows.ts'
import { INDEXED_WORDS, TwoWayIndex } from './two-way-index.ts'

/** Words of a row: the ends, and how many sessions it has. */
const WORDS = 8
const SESSIONS: number = INDEXED_WORDS

/**
 * Mappings that more than one session may share (RFC 4787 §4.1): an inside address and port stands outside under one
 * address and port, as long as any of its sessions lives. A mapping is for one remote address, or for all: 0.
 */
export class Mappings {
  readonly #index: TwoWayIndex
  readonly #words: Int32Array
  readonly #free: FreeList
  readonly #accounts: (Account | undefined)[]

  /** `key` gives 32 secret bits a call. */
  constructor(capacity: number, key: () => number) {
    const rows = new Rows(capacity, WORDS)
    this.#index = new TwoWayIndex(rows, key)
    this.#words = rows.words
    this.#free = new FreeList(capacity)
    this.#accounts = new Array<Account | undefined>(capacity).fill(undefined)
  }

  /** The mapping of an inside endpoint, or -1. */
  findInside(protocol: number, address: number, port: number, remote: number): number {
    return this.#index.findInside(protocol, address, port, remote, 0)
  }

  /** The mapping that stands outside under an address and port, or -1. The last parameter is there for `OutsideLookup`. */
  findOutside(protocol: number, address: number, port: number, remote: number, _remotePort = 0): number {
    return this.#index.findOutside(protocol, address, port, remote, 0)
  }

  /** A mapping without sessions, `hold` it next. There is room, as each has a session and there are no more than those. */
  open(
    protocol: number,
    address: number,
    port: number,
    outsideAddress: number,
    outsidePort: number,
    remote: number,
    account: Account,
  ): number {
    const mapping = this.#free.take()
    this.#index.insert(mapping, protocol, address, port, outsideAddress, outsidePort, remote, 0)
    this.#words[mapping * WORDS + SESSIONS] = 0
    this.#accounts[mapping] = account
    account.ports++
    return mapping
  }

  /** One session more. */
  hold(mapping: number): void {
    const at = mapping * WORDS + SESSIONS
    this.#words[at] = (this.#words[at] as number) + 1
  }

  /** One session less. True if it was the last: the mapping is gone, its row may be read until the next `open`. */
  release(mapping: number): boolean {
    const at = mapping * WORDS + SESSIONS
    const sessions = (this.#words[at] as number) - 1
    this.#words[at] = sessions
    if (sessions > 0) return false
    const account = this.#accounts[mapping] as Account
    account.ports--
    this.#accounts[mapping] = undefined
    this.#index.remove(mapping)
    this.#free.release(mapping)
    return true
  }

  account(mapping: number): Account | undefined {
    return this.#accounts[mapping]
  }

  insideAddress(mapping: number): number {
    return this.#index.insideAddress(mapping) >>> 0
  }

  insidePort(mapping: number): number {
    return this.#index.insidePort(mapping)
  }

  outsideAddress(mapping: number): number {
    return this.#index.outsideAddress(mapping) >>> 0
  }

  outsidePort(mapping: number): number {
    return this.#index.outsidePort(mapping)
  }
}
