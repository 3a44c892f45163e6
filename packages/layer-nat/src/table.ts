import type { Peer } from '@millrace/core'
import { type Account, Accounts, type Owner } from './accounts.ts'
import { ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT } from './behaviour.ts'
import { BlockPorts } from './block-ports.ts'
import { Egress } from './egress.ts'
import { FlowCounts } from './flow-counts.ts'
import type { FlowLog } from './flow-log.ts'
import { Lookups } from './lookups.ts'
import { Mappings } from './mappings.ts'
import { Opener } from './opener.ts'
import type { OutsidePorts } from './outside-ports.ts'
import { Permissions } from './permissions.ts'
import type { PortBlocks } from './port-blocks.ts'
import { ICMP, UDP } from './protocols.ts'
import { RangePorts } from './range-ports.ts'
import { Roster, type SessionTables } from './roster.ts'
import { sessionRows } from './session-row.ts'
import { NONE_DUE, PUT_OFF, SessionTimers } from './session-timers.ts'
import { SessionView } from './session-view.ts'
import { Sessions } from './sessions.ts'
import { StaticMappings } from './statics.ts'
import type { NatTableCounts, NatTableOptions, Refusal } from './table-options.ts'

/** Sessions removed or put off in one go, so that many that fall due together do not hold up the packets. */
const EXPIRY_STEP = 1024

/**
 * The sessions of a NAT: who inside talks to whom outside, and under which outside address and port. Knows nothing of
 * packets; takes tuples and the time. All memory is taken at once, and nothing that lives is ever removed to make room.
 *
 * A session is a full tuple. Where mapping depends on less than that, sessions share a {@link Mappings} entry.
 */
export class NatTable {
  readonly lookups: Lookups
  readonly statics: StaticMappings
  readonly egress: Egress
  /** Of each outside address, in the order of the pool. */
  readonly ports: readonly OutsidePorts[]
  /** The same, where peers have blocks. */
  readonly blocks: readonly PortBlocks[]
  readonly view: SessionView
  readonly flows: FlowCounts
  readonly timers: SessionTimers
  readonly tables: SessionTables
  readonly roster: Roster
  readonly #sessions: Sessions
  readonly #mappings: Mappings
  readonly #accounts: Accounts
  readonly #opener: Opener
  #now = Number.NEGATIVE_INFINITY

  constructor(options: NatTableOptions) {
    const { sessions, random, behaviours, endpoints, egress } = options
    const { mapping, filtering } = behaviours
    const key = (): number => random.uint32()
    const rows = sessionRows(sessions)
    this.#sessions = new Sessions(rows, key)
    this.#mappings = new Mappings(sessions, key)
    const permits = filtering.some((kind, i) => kind === ADDRESS_DEPENDENT && mapping[i] === ENDPOINT_INDEPENDENT)
    const permissions = permits ? new Permissions(sessions, key) : undefined
    this.statics = new StaticMappings(endpoints, options.addresses, key)
    this.timers = new SessionTimers(rows, options.timeouts)
    this.view = new SessionView(rows, this.#sessions, this.timers)
    this.flows = new FlowCounts(egress.addresses)
    this.#accounts = new Accounts(options)
    this.egress = new Egress(egress)
    this.ports = egress.addresses.map((address) => portsOf(address, options, this.#accounts))
    this.blocks = this.ports.flatMap((ports) => (ports instanceof BlockPorts ? [ports.blocks] : []))
    this.#opener = new Opener(this.#sessions, this.#mappings, this.egress, this.ports, mapping, random)
    this.tables = {
      behaviours,
      sessions: this.#sessions,
      mappings: this.#mappings,
      permissions,
      statics: this.statics,
      timers: this.timers,
      accounts: this.#accounts,
      opener: this.#opener,
      view: this.view,
      flows: this.flows,
    }
    this.roster = new Roster(this.tables)
    this.lookups = new Lookups(this.tables, (session) => this.roster.strike(session, this.#now))
  }

  set log(log: FlowLog) {
    this.roster.log = log
  }

  /** The latest time it has been told, milliseconds. */
  get now(): number {
    return this.#now
  }

  /** Moves the time on and removes what is due. The time never runs backwards, whatever is given. */
  expire(now: number, limit: number = EXPIRY_STEP): void {
    if (now > this.#now) this.#now = now
    this.timers.now = this.#now
    for (let i = 0; i < limit; i++) {
      const session = this.timers.due()
      if (session === NONE_DUE) break
      if (session !== PUT_OFF) this.roster.strike(session, this.#now)
    }
    for (let i = 0; i < this.blocks.length; i++) this.blocks[i]?.expire(this.#now)
  }

  /**
   * Makes a session for a tuple that has none, sets `lookups.match` to its outside end, and returns undefined; or why
   * there is none. `inbound` when the inside answers to what came from outside.
   */
  open(
    protocol: number,
    address: number,
    port: number,
    remote: number,
    remotePort: number,
    owner: Owner,
    inbound: boolean,
  ): Refusal | undefined {
    if (this.#sessions.isFull) this.expire(this.#now)
    if (this.#sessions.isFull) return 'sessions-exhausted'
    const account = this.#accounts.get(owner)
    if (this.#accounts.hasAllSessions(account)) return 'peer-sessions-exhausted'
    if (account.rate?.take(this.#now) === false) return 'peer-rate-exceeded'
    const opener = this.#opener
    const mappings = this.#mappings
    const shared = this.lookups.isShared(protocol)
    const mappedRemote = this.lookups.mappedRemote(protocol, remote)
    const mapping = shared ? mappings.findInside(protocol, address, port, mappedRemote) : -1
    if (mapping >= 0) opener.set(mappings.outsideAddress(mapping), mappings.outsidePort(mapping))
    else {
      if (shared && this.#accounts.hasAllPorts(account)) return 'peer-ports-exhausted'
      const refusal = opener.find(protocol, remote, remotePort, account, this.#now)
      if (refusal !== undefined) return refusal
    }
    const session = this.roster.enter(protocol, address, port, remote, remotePort, account, mapping, this.#now)
    this.timers.begin(session, protocol, inbound)
    this.lookups.match.set(session, opener.address, opener.port)
    this.roster.log?.opened(session, this.#now)
    return undefined
  }

  /** Whether a session is of this peer. */
  isOwnedBy(session: number, peer: Peer): boolean {
    const account = this.#sessions.account(session)
    return account?.owner === peer || account === this.#accounts.get(peer)
  }

  owner(session: number): Owner | undefined {
    return this.#sessions.account(session)?.owner
  }

  /** What owners have. Allocates. */
  accounts(): readonly Account[] {
    return this.#accounts.list()
  }

  /** Live sessions by kind, and what became of those before. */
  counts(): NatTableCounts {
    const held = (protocol: number): number => this.ports.reduce((sum, ports) => sum + ports.held(protocol), 0)
    return {
      ...this.timers.counts(),
      udpPorts: held(UDP),
      icmpIdentifiers: held(ICMP),
      ...this.flows.totals,
    }
  }
}

/** The ports of an outside address but for those that are forwarded. */
function portsOf(address: number, options: NatTableOptions, accounts: Accounts): OutsidePorts {
  const { ports, endpoints, holdDown, behaviours, random, portBlocks, portBlockLog: log } = options
  const forwarded = endpoints.filter(({ outside }) => outside === address).map(({ outsidePort }) => outsidePort)
  const range = { ...ports, reserved: [...ports.reserved, ...forwarded] }
  if (portBlocks === undefined) return new RangePorts(address, range, holdDown, behaviours.mapping, random)
  return new BlockPorts(range, behaviours.mapping, { ...portBlocks, address, rest: holdDown, accounts, random, log })
}
