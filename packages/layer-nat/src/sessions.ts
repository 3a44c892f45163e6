import type { Account } from './accounts.ts'
import { FreeList } from './free-list.ts'
import { TupleIndex } from './tuple-index.ts'

/** The columns of the session table: who inside talks to whom outside, under which outside address and port. */
export class Sessions {
  readonly #inside: TupleIndex
  readonly #outside: TupleIndex
  readonly #free: FreeList
  /** Shared mapping by session, or -1. */
  readonly #mapping: Int32Array
  readonly #account: (Account | undefined)[]

  /** `key` gives 32 secret bits a call. */
  constructor(capacity: number, key: () => number) {
    this.#inside = new TupleIndex(capacity, key(), key())
    this.#outside = new TupleIndex(capacity, key(), key())
    this.#free = new FreeList(capacity)
    this.#mapping = new Int32Array(capacity)
    this.#account = new Array<Account | undefined>(capacity).fill(undefined)
  }

  get isFull(): boolean {
    return this.#free.length === 0
  }

  findInside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    return this.#inside.find(protocol, address, port, remote, remotePort)
  }

  findOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    return this.#outside.find(protocol, address, port, remote, remotePort)
  }

  /** Adds a session where there is room and neither tuple is taken. */
  insert(
    protocol: number,
    address: number,
    port: number,
    outsideAddress: number,
    outsidePort: number,
    remote: number,
    remotePort: number,
    mapping: number,
    account: Account,
  ): number {
    const session = this.#free.take()
    this.#inside.insert(session, protocol, address, port, remote, remotePort)
    this.#outside.insert(session, protocol, outsideAddress, outsidePort, remote, remotePort)
    this.#mapping[session] = mapping
    this.#account[session] = account
    return session
  }

  /** Its columns may be read until the next `insert`, but for the account. */
  remove(session: number): void {
    this.#account[session] = undefined
    this.#inside.remove(session)
    this.#outside.remove(session)
    this.#free.release(session)
  }

  protocol(session: number): number {
    return this.#inside.protocol(session)
  }

  insideAddress(session: number): number {
    return this.#inside.local(session) >>> 0
  }

  insidePort(session: number): number {
    return this.#inside.localPort(session)
  }

  outsideAddress(session: number): number {
    return this.#outside.local(session) >>> 0
  }

  outsidePort(session: number): number {
    return this.#outside.localPort(session)
  }

  remote(session: number): number {
    return this.#outside.remote(session) >>> 0
  }

  remotePort(session: number): number {
    return this.#outside.remotePort(session)
  }

  mapping(session: number): number {
    return this.#mapping[session] as number
  }

  account(session: number): Account | undefined {
    return this.#account[session]
  }
}
