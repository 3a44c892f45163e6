import type { Account } from './accounts.ts'
import { FreeList } from './free-list.ts'
import type { Rows } from './rows.ts'
import { MAPPING, SESSION_WORDS } from './session-row.ts'
import { TwoWayIndex } from './two-way-index.ts'

/** The session table: who inside talks to whom outside, under which outside address and port. */
export class Sessions {
  readonly index: TwoWayIndex
  readonly #capacity: number
  readonly #words: Int32Array
  readonly #free: FreeList
  readonly #account: (Account | undefined)[]

  /** `rows` as `sessionRows` makes them; `key` gives 32 secret bits a call. */
  constructor(rows: Rows, key: () => number) {
    this.index = new TwoWayIndex(rows, key)
    this.#capacity = rows.capacity
    this.#words = rows.words
    this.#free = new FreeList(rows.capacity)
    this.#account = new Array<Account | undefined>(rows.capacity).fill(undefined)
  }

  /** How many there are. */
  get length(): number {
    return this.#capacity - this.#free.length
  }

  get isFull(): boolean {
    return this.#free.length === 0
  }

  findInside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    return this.index.findInside(protocol, address, port, remote, remotePort)
  }

  findOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    return this.index.findOutside(protocol, address, port, remote, remotePort)
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
    this.index.insert(session, protocol, address, port, outsideAddress, outsidePort, remote, remotePort)
    this.#words[session * SESSION_WORDS + MAPPING] = mapping
    this.#account[session] = account
    return session
  }

  /** Its row may be read until the next `insert`, but not the account. */
  remove(session: number): void {
    this.#account[session] = undefined
    this.index.remove(session)
    this.#free.release(session)
  }

  protocol(session: number): number {
    return this.index.protocol(session)
  }

  insideAddress(session: number): number {
    return this.index.insideAddress(session) >>> 0
  }

  insidePort(session: number): number {
    return this.index.insidePort(session)
  }

  outsideAddress(session: number): number {
    return this.index.outsideAddress(session) >>> 0
  }

  outsidePort(session: number): number {
    return this.index.outsidePort(session)
  }

  remote(session: number): number {
    return this.index.remote(session) >>> 0
  }

  remotePort(session: number): number {
    return this.index.remotePort(session)
  }

  mapping(session: number): number {
    return this.#words[session * SESSION_WORDS + MAPPING] as number
  }

  account(session: number): Account | undefined {
    return this.#account[session]
  }
}
