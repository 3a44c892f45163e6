import type { Account } from './accounts.ts'
import { FreeList } from './free-list.ts'
import { TupleIndex } from './tuple-index.ts'

/**
 * Mappings that more than one session may share (RFC 4787 §4.1): an inside address and port stands outside under one
 * address and port, as long as any of its sessions lives. A mapping is for one remote address, or for all: 0.
 */
export class Mappings {
  readonly #inside: TupleIndex
  readonly #outside: TupleIndex
  readonly #free: FreeList
  readonly #sessions: Uint32Array
  readonly #accounts: (Account | undefined)[]

  /** `key` gives 32 secret bits a call. */
  constructor(capacity: number, key: () => number) {
    this.#inside = new TupleIndex(capacity, key(), key())
    this.#outside = new TupleIndex(capacity, key(), key())
    this.#free = new FreeList(capacity)
    this.#sessions = new Uint32Array(capacity)
    this.#accounts = new Array<Account | undefined>(capacity).fill(undefined)
  }

  /** The mapping of an inside endpoint, or -1. */
  findInside(protocol: number, address: number, port: number, remote: number): number {
    return this.#inside.find(protocol, address, port, remote, 0)
  }

  /** The mapping that stands outside under an address and port, or -1. The last parameter is there for `OutsideLookup`. */
  findOutside(protocol: number, address: number, port: number, remote: number, _remotePort = 0): number {
    return this.#outside.find(protocol, address, port, remote, 0)
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
    this.#inside.insert(mapping, protocol, address, port, remote, 0)
    this.#outside.insert(mapping, protocol, outsideAddress, outsidePort, remote, 0)
    this.#sessions[mapping] = 0
    this.#accounts[mapping] = account
    account.ports++
    return mapping
  }

  /** One session more. */
  hold(mapping: number): void {
    this.#sessions[mapping] = (this.#sessions[mapping] as number) + 1
  }

  /** One session less. True if it was the last: the mapping is gone, its columns may be read until the next `open`. */
  release(mapping: number): boolean {
    const sessions = (this.#sessions[mapping] as number) - 1
    this.#sessions[mapping] = sessions
    if (sessions > 0) return false
    const account = this.#accounts[mapping] as Account
    account.ports--
    this.#accounts[mapping] = undefined
    this.#inside.remove(mapping)
    this.#outside.remove(mapping)
    this.#free.release(mapping)
    return true
  }

  account(mapping: number): Account | undefined {
    return this.#accounts[mapping]
  }

  insideAddress(mapping: number): number {
    return this.#inside.local(mapping) >>> 0
  }

  insidePort(mapping: number): number {
    return this.#inside.localPort(mapping)
  }

  outsideAddress(mapping: number): number {
    return this.#outside.local(mapping) >>> 0
  }

  outsidePort(mapping: number): number {
    return this.#outside.localPort(mapping)
  }
}
