import { type Account, Accounts, type Owner } from './accounts.ts'
import { ADDRESS_DEPENDENT, type BehaviourTable, ENDPOINT_INDEPENDENT } from './behaviour.ts'
import { Egress } from './egress.ts'
import { endOf, FlowCounts } from './flow-counts.ts'
import type { FlowLog } from './flow-log.ts'
import { Lookups } from './lookups.ts'
import { Mappings } from './mappings.ts'
import { Opener } from './opener.ts'
import { OutsidePorts } from './outside-ports.ts'
import { Permissions } from './permissions.ts'
import { ICMP, UDP } from './protocols.ts'
import { SessionTimers } from './session-timers.ts'
import { SessionView } from './session-view.ts'
import { Sessions } from './sessions.ts'
import { StaticMappings } from './statics.ts'
import type { NatTableCounts, NatTableOptions, Refusal } from './table-options.ts'

/** Sessions removed in one go, so that many that fall due together do not hold up the packets. */
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
  readonly view: SessionView
  readonly flows: FlowCounts
  log: FlowLog | undefined
  readonly #sessions: Sessions
  readonly #mappings: Mappings
  /** Where filtering is address-dependent and mapping is not. */
  readonly #permissions: Permissions | undefined
  readonly #timers: SessionTimers
  readonly #accounts: Accounts
  readonly #opener: Opener
  readonly #behaviours: BehaviourTable
  #now = Number.NEGATIVE_INFINITY

  constructor(options: NatTableOptions) {
    const { sessions, ports, random, behaviours, endpoints, egress } = options
    const { mapping, filtering } = behaviours
    const key = (): number => random.uint32()
    this.#behaviours = behaviours
    this.#sessions = new Sessions(sessions, key)
    this.#mappings = new Mappings(sessions, key)
    const permits = filtering.some((kind, i) => kind === ADDRESS_DEPENDENT && mapping[i] === ENDPOINT_INDEPENDENT)
    this.#permissions = permits ? new Permissions(sessions, key) : undefined
    this.statics = new StaticMappings(endpoints, options.addresses, key)
    this.#timers = new SessionTimers(sessions, options.timeouts)
    this.view = new SessionView(sessions, this.#sessions, this.#timers)
    this.flows = new FlowCounts(egress.addresses)
    this.#accounts = new Accounts(options)
    this.egress = new Egress(egress)
    this.ports = egress.addresses.map((address) => {
      const forwarded = endpoints.filter(({ outside }) => outside === address).map(({ outsidePort }) => outsidePort)
      const range = { ...ports, reserved: [...ports.reserved, ...forwarded] }
      return new OutsidePorts(range, options.holdDown, mapping, random)
    })
    this.#opener = new Opener(this.#sessions, this.#mappings, this.egress, this.ports, mapping, random)
    const tables = {
      behaviours,
      sessions: this.#sessions,
      mappings: this.#mappings,
      permissions: this.#permissions,
      statics: this.statics,
      timers: this.#timers,
    }
    this.lookups = new Lookups(tables, (session) => this.#remove(session))
  }

  /** Moves the time on and removes what is due. The time never runs backwards, whatever is given. */
  expire(now: number, limit: number = EXPIRY_STEP): void {
    if (now > this.#now) this.#now = now
    this.lookups.now = this.#now
    for (let i = 0; i < limit; i++) {
      const session = this.#timers.due(this.#now)
      if (session < 0) return
      this.#remove(session)
    }
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
    let mapping = shared ? mappings.findInside(protocol, address, port, mappedRemote) : -1
    if (mapping >= 0) opener.take(mappings.outsideAddress(mapping), mappings.outsidePort(mapping))
    else {
      if (shared && this.#accounts.hasAllPorts(account)) return 'peer-ports-exhausted'
      const refusal = opener.find(protocol, remote, remotePort, account, this.#now)
      if (refusal !== undefined) return refusal
      if (shared) {
        mapping = mappings.open(protocol, address, port, opener.address, opener.port, mappedRemote, account)
      }
    }
    if (mapping >= 0) mappings.hold(mapping)
    const session = this.#sessions.insert(
      protocol,
      address,
      port,
      opener.address,
      opener.port,
      remote,
      remotePort,
      mapping,
      account,
    )
    if (this.#grants(protocol)) this.#permissions?.grant(protocol, opener.address, opener.port, remote)
    this.#accounts.add(account)
    this.#timers.begin(session, protocol, inbound, this.#now)
    this.view.begin(session, this.#now)
    this.flows.begin(opener.address, protocol)
    this.lookups.match.set(session, opener.address, opener.port)
    this.log?.opened(session, this.#now)
    return undefined
  }

  /** A packet of the session, of another protocol than TCP, has passed. */
  use(session: number, up: boolean): void {
    this.#timers.use(session, up, this.#now)
  }

  /** A TCP segment of the session has passed. */
  useTcp(session: number, view: DataView, transport: number, end: number, up: boolean): void {
    this.#timers.useTcp(session, view, transport, end, up, this.#now)
  }

  /** Whether a TCP segment with this sequence number may be under way from one side. */
  isInFlight(session: number, up: boolean, sequence: number): boolean {
    return this.#timers.isInFlight(session, up, sequence)
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
      ...this.#timers.counts(),
      udpPorts: held(UDP),
      icmpIdentifiers: held(ICMP),
      ...this.flows.totals,
    }
  }

  #remove(session: number): void {
    const sessions = this.#sessions
    const protocol = sessions.protocol(session)
    const address = sessions.outsideAddress(session)
    const port = sessions.outsidePort(session)
    if (this.#grants(protocol)) this.#permissions?.revoke(protocol, address, port, sessions.remote(session))
    const mapping = sessions.mapping(session)
    if (mapping >= 0 && this.#mappings.release(mapping)) this.#opener.release(protocol, address, port, this.#now)
    const why = endOf(protocol, this.#timers.phase(session))
    this.flows.end(address, protocol, why)
    const account = sessions.account(session) as Account
    this.#accounts.remove(account)
    sessions.remove(session)
    this.#timers.end(session)
    this.log?.closed(session, account.owner, why, this.#now)
  }

  #grants(protocol: number): boolean {
    const { mapping, filtering } = this.#behaviours
    return filtering[protocol] === ADDRESS_DEPENDENT && mapping[protocol] === ENDPOINT_INDEPENDENT
  }
}
