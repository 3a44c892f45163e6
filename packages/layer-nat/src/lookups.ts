import { ADDRESS_DEPENDENT, type BehaviourTable, ENDPOINT_INDEPENDENT } from './behaviour.ts'
import type { Mappings } from './mappings.ts'
import { BY_MAPPING, BY_OPERATOR, Match } from './match.ts'
import type { Permissions } from './permissions.ts'
import type { SessionTimers } from './session-timers.ts'
import type { Sessions } from './sessions.ts'
import type { StaticMappings } from './statics.ts'

/** What there is to look up in. */
export interface LookupTables {
  readonly behaviours: BehaviourTable
  readonly sessions: Sessions
  readonly mappings: Mappings
  readonly permissions: Permissions | undefined
  readonly statics: StaticMappings
  readonly timers: SessionTimers
}

/**
 * Who a packet belongs to: its session, a static mapping, or a shared mapping where filtering depends on less than the
 * full tuple. A packet that passes by a mapping alone makes no session and keeps none alive: state comes from the inside.
 */
export class Lookups {
  /** What the last look-up has found. */
  readonly match: Match = new Match()
  readonly #sessions: Sessions
  readonly #mappings: Mappings
  readonly #permissions: Permissions | undefined
  readonly #statics: StaticMappings
  readonly #timers: SessionTimers
  readonly #mapping: Uint8Array
  readonly #filtering: Uint8Array
  readonly #end: (session: number) => void

  /** `end` removes a session whose time is over. */
  constructor(tables: LookupTables, end: (session: number) => void) {
    this.#sessions = tables.sessions
    this.#mappings = tables.mappings
    this.#permissions = tables.permissions
    this.#statics = tables.statics
    this.#timers = tables.timers
    this.#mapping = tables.behaviours.mapping
    this.#filtering = tables.behaviours.filtering
    this.#end = end
  }

  /** Whether mappings of this protocol may have more than one session. */
  isShared(protocol: number): boolean {
    return (this.#mapping[protocol] as number) <= ADDRESS_DEPENDENT
  }

  /** The remote address that a shared mapping of this protocol is for; 0 for all of them. */
  mappedRemote(protocol: number, remote: number): number {
    return this.#mapping[protocol] === ADDRESS_DEPENDENT ? remote : 0
  }

  /** A packet from the inside that has a session or a static mapping; `match` is then its outside end. */
  findUp(protocol: number, address: number, port: number, remote: number, remotePort: number): boolean {
    const statics = this.#statics
    const sessions = this.#sessions
    const own = statics.addressByInside(address)
    if (own !== undefined) return this.match.set(BY_OPERATOR, own.outside, port)
    const fixed = statics.byInside(protocol, address, port)
    if (fixed !== undefined) return this.match.set(BY_OPERATOR, fixed.outside, fixed.outsidePort)
    const session = this.#live(sessions.findInside(protocol, address, port, remote, remotePort))
    return session >= 0 && this.match.set(session, sessions.outsideAddress(session), sessions.outsidePort(session))
  }

  /** The answer to a packet that has passed by a mapping alone; `match` is then its outside end. */
  findAnswerUp(protocol: number, address: number, port: number, remote: number): boolean {
    const mappings = this.#mappings
    const mapping = this.#mappingInside(protocol, address, port, remote)
    if (mapping < 0) return false
    const [outside, outsidePort] = [mappings.outsideAddress(mapping), mappings.outsidePort(mapping)]
    return this.#lets(protocol, outside, outsidePort, remote) && this.match.set(BY_MAPPING, outside, outsidePort)
  }

  /** A packet from the outside that is for somebody; `match` is then its inside end. */
  findDown(protocol: number, address: number, port: number, remote: number, remotePort: number): boolean {
    const sessions = this.#sessions
    const session = this.#live(sessions.findOutside(protocol, address, port, remote, remotePort))
    if (session >= 0) return this.match.set(session, sessions.insideAddress(session), sessions.insidePort(session))
    const statics = this.#statics
    const own = statics.addressByOutside(address)
    if (own !== undefined) return this.match.set(BY_OPERATOR, own.inside, port)
    const fixed = statics.byOutside(protocol, address, port)
    if (fixed !== undefined) return this.match.set(BY_OPERATOR, fixed.inside, fixed.insidePort)
    if (!this.#lets(protocol, address, port, remote)) return false
    const mappings = this.#mappings
    const mapping = mappings.findOutside(protocol, address, port, this.mappedRemote(protocol, remote))
    return mapping >= 0 && this.match.set(BY_MAPPING, mappings.insideAddress(mapping), mappings.insidePort(mapping))
  }

  #mappingInside(protocol: number, address: number, port: number, remote: number): number {
    if (!this.isShared(protocol)) return -1
    return this.#mappings.findInside(protocol, address, port, this.mappedRemote(protocol, remote))
  }

  /** Whether filtering lets a remote address in to a shared mapping, as long as that lives. */
  #lets(protocol: number, address: number, port: number, remote: number): boolean {
    const filtering = this.#filtering[protocol]
    if (filtering === ENDPOINT_INDEPENDENT) return true
    if (filtering !== ADDRESS_DEPENDENT) return false
    // A mapping that is address-dependent itself is there only because somebody has spoken to the address.
    if (this.#mapping[protocol] === ADDRESS_DEPENDENT) return true
    return this.#permissions?.has(protocol, address, port, remote) === true
  }

  /** What is due but not yet removed has ended all the same. */
  #live(session: number): number {
    if (session < 0 || !this.#timers.isDue(session)) return session
    this.#end(session)
    return -1
  }
}
