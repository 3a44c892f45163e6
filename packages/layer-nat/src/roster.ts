import type { Account, Accounts } from './accounts.ts'
import { ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT } from './behaviour.ts'
import { endOf, type FlowCounts } from './flow-counts.ts'
import type { FlowLog } from './flow-log.ts'
import type { LookupTables } from './lookups.ts'
import type { Opener } from './opener.ts'
import type { SessionView } from './session-view.ts'

/** All that knows of sessions. */
export interface SessionTables extends LookupTables {
  readonly accounts: Accounts
  readonly opener: Opener
  readonly view: SessionView
  readonly flows: FlowCounts
}

/** Who must know how long the addresses of a session are needed. */
export interface AddressHolder {
  hold(inside: number, remote: number): void
  release(inside: number, remote: number): void
}

/** Enters sessions into all tables, and strikes them out again. When each of them ends is for who enters it to say. */
export class Roster {
  readonly #tables: SessionTables
  readonly #mapping: Uint8Array
  readonly #filtering: Uint8Array
  log: FlowLog | undefined
  holder: AddressHolder | undefined

  constructor(tables: SessionTables) {
    this.#tables = tables
    this.#mapping = tables.behaviours.mapping
    this.#filtering = tables.behaviours.filtering
  }

  /** A session whose outside end the opener has set: under `mapping`, or if that is -1 under one of its own. */
  enter(
    protocol: number,
    address: number,
    port: number,
    remote: number,
    remotePort: number,
    account: Account,
    mapping: number,
    now: number,
  ): number {
    const { sessions, mappings, permissions, accounts, opener, view, flows } = this.#tables
    const { address: outside, port: outsidePort } = opener
    const kind = this.#mapping[protocol] as number
    let held = mapping
    if (kind <= ADDRESS_DEPENDENT) {
      const mappedRemote = kind === ADDRESS_DEPENDENT ? remote : 0
      if (held < 0) held = mappings.open(protocol, address, port, outside, outsidePort, mappedRemote, account)
      mappings.hold(held)
    }
    const session = sessions.insert(protocol, address, port, outside, outsidePort, remote, remotePort, held, account)
    if (this.#grants(protocol)) permissions?.grant(protocol, outside, outsidePort, remote)
    accounts.add(account)
    view.begin(session, now)
    flows.begin(outside, protocol)
    this.holder?.hold(address, remote)
    return session
  }

  /** A session has ended. */
  strike(session: number, now: number): void {
    const { sessions, mappings, permissions, timers, accounts, opener, flows } = this.#tables
    const protocol = sessions.protocol(session)
    const address = sessions.outsideAddress(session)
    const port = sessions.outsidePort(session)
    if (this.#grants(protocol)) permissions?.revoke(protocol, address, port, sessions.remote(session))
    const mapping = sessions.mapping(session)
    if (mapping < 0 || mappings.release(mapping)) opener.release(protocol, address, port, now)
    const why = endOf(protocol, timers.phase(session))
    flows.end(address, protocol, why)
    const account = sessions.account(session) as Account
    accounts.remove(account)
    sessions.remove(session)
    timers.end(session)
    this.holder?.release(sessions.insideAddress(session), sessions.remote(session))
    this.log?.closed(session, account.owner, why, now)
  }

  #grants(protocol: number): boolean {
    return this.#filtering[protocol] === ADDRESS_DEPENDENT && this.#mapping[protocol] === ENDPOINT_INDEPENDENT
  }
}
