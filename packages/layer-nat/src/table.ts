import type { Random } from '@millrace/core'
import { type Account, Accounts, type Owner } from './accounts.ts'
import { DestinationPorts } from './destination-ports.ts'
import { FreeList } from './free-list.ts'
import { Mappings } from './mappings.ts'
import { type PortRange, PortSet } from './ports.ts'
import { ICMP, UDP } from './protocols.ts'
import { type NatTimeouts, type SessionCounts, SessionTimers } from './session-timers.ts'
import { TupleIndex } from './tuple-index.ts'

/** Sessions, ports and what became of earlier sessions. */
export interface NatTableCounts extends SessionCounts {
  /** Outside UDP ports and ICMP identifiers in use. */
  readonly udpPorts: number
  readonly icmpIdentifiers: number
  /** Sessions ever made and ever removed. */
  readonly opened: number
  readonly expired: number
}

export interface NatTableOptions {
  /** The outside address, as an unsigned number. */
  readonly address: number
  readonly ports: PortRange
  /** Milliseconds for which a freed UDP port or ICMP identifier is not given out again. */
  readonly holdDown: number
  /** Most sessions, in all and of one owner. */
  readonly sessions: number
  readonly sessionsPerPeer: number
  readonly timeouts: NatTimeouts
  readonly random: Random
}

/** Why `open` made no session. All are below 0. */
export const SESSIONS_EXHAUSTED = -1
export const PEER_SESSIONS_EXHAUSTED = -2
const PORTS_EXHAUSTED = -3

/** Sessions removed in one go, so that many that fall due together do not hold up the packets. */
const EXPIRY_STEP = 1024

/**
 * The sessions of a NAT: who inside talks to whom outside, and under which outside port. Knows nothing of packets;
 * takes tuples and the time. All memory is taken at once, and nothing that lives is ever removed to make room.
 *
 * - A session is a full tuple, so filtering is address- and port-dependent: only who was spoken to may answer.
 * - UDP and ICMP ports are mapped endpoint-independently ({@link Mappings}). A TCP port is unique only for its
 *   destination, so that one address carries some 64,000 connections to each destination instead of in all.
 */
export class NatTable {
  readonly #inside: TupleIndex
  readonly #outside: TupleIndex
  readonly #timers: SessionTimers
  readonly #free: FreeList
  readonly #mappings: Mappings
  readonly #accounts: Accounts
  /** Endpoint-independent mapping by session, or -1. */
  readonly #mappingOf: Int32Array
  readonly #accountOf: (Account | undefined)[]
  readonly #udpPorts: PortSet
  readonly #icmpIdentifiers: PortSet
  readonly #address: number
  readonly #tcpPorts: DestinationPorts
  #now = Number.NEGATIVE_INFINITY
  #opened = 0
  #expired = 0

  constructor(options: NatTableOptions) {
    const { sessions, timeouts, ports, random } = options
    const key = (): number => random.uint32()
    this.#inside = new TupleIndex(sessions, key(), key())
    this.#outside = new TupleIndex(sessions, key(), key())
    this.#mappings = new Mappings(sessions, key(), key())
    this.#timers = new SessionTimers(sessions, timeouts)
    this.#free = new FreeList(sessions)
    this.#accounts = new Accounts(options.sessionsPerPeer)
    this.#mappingOf = new Int32Array(sessions)
    this.#accountOf = new Array<Account | undefined>(sessions).fill(undefined)
    this.#udpPorts = new PortSet(ports, options.holdDown, random)
    // Identifiers are no ports: nobody listens on them, so none is reserved.
    this.#icmpIdentifiers = new PortSet({ ...ports, reserved: [] }, options.holdDown, random)
    this.#address = options.address
    this.#tcpPorts = new DestinationPorts(ports, random)
  }

  /** Moves the time on and removes what is due. The time never runs backwards, whatever is given. */
  expire(now: number, limit: number = EXPIRY_STEP): void {
    if (now > this.#now) this.#now = now
    for (let i = 0; i < limit; i++) {
      const session = this.#timers.due(this.#now)
      if (session < 0) return
      this.#remove(session)
    }
  }

  /** The session of a packet from the inside, or -1. */
  findInside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    return this.#live(this.#inside.find(protocol, address, port, remote, remotePort))
  }

  /** The session of a packet from the outside, or -1. */
  findOutside(protocol: number, address: number, port: number, remote: number, remotePort: number): number {
    return this.#live(this.#outside.find(protocol, address, port, remote, remotePort))
  }

  /** Makes a session for a tuple that has none; returns it, or below 0 why there is none. */
  open(protocol: number, address: number, port: number, remote: number, remotePort: number, owner: Owner): number {
    if (this.#free.length === 0) return SESSIONS_EXHAUSTED
    if (this.#accounts.isFull(owner)) return PEER_SESSIONS_EXHAUSTED
    const ports = this.#portsOf(protocol)
    const mapping = ports === undefined ? -1 : this.#mappings.hold(protocol, address, port, ports, this.#now)
    if (ports !== undefined && mapping < 0) return PORTS_EXHAUSTED
    const outsidePort =
      mapping < 0
        ? this.#tcpPorts.pick(this, protocol, this.#address, remote, remotePort)
        : this.#mappings.outsidePort(mapping)
    if (outsidePort < 0) return PORTS_EXHAUSTED
    const session = this.#free.take()
    this.#inside.insert(session, protocol, address, port, remote, remotePort)
    this.#outside.insert(session, protocol, this.#address, outsidePort, remote, remotePort)
    this.#mappingOf[session] = mapping
    this.#accountOf[session] = this.#accounts.add(owner)
    this.#timers.begin(session, protocol, this.#now)
    this.#opened++
    return session
  }

  /** A UDP or ICMP packet of the session has passed. */
  use(session: number, up: boolean): void {
    this.#timers.use(session, up, this.#now)
  }

  /** A TCP segment with `flags` has passed. */
  useTcp(session: number, flags: number, up: boolean): void {
    this.#timers.useTcp(session, flags, up, this.#now)
  }

  insideAddress(session: number): number {
    return this.#inside.local[session] as number
  }

  insidePort(session: number): number {
    return this.#inside.localPort[session] as number
  }

  outsideAddress(session: number): number {
    return this.#outside.local[session] as number
  }

  outsidePort(session: number): number {
    return this.#outside.localPort[session] as number
  }

  owner(session: number): Owner | undefined {
    return this.#accountOf[session]?.owner
  }

  /** Sessions by owner. Allocates. */
  accounts(): readonly Account[] {
    return this.#accounts.list()
  }

  /** Live sessions by kind, and what became of those before. */
  counts(): NatTableCounts {
    return {
      ...this.#timers.counts(),
      udpPorts: this.#udpPorts.held,
      icmpIdentifiers: this.#icmpIdentifiers.held,
      opened: this.#opened,
      expired: this.#expired,
    }
  }

  /** What is due but not yet removed has ended all the same. */
  #live(session: number): number {
    if (session < 0 || !this.#timers.isDue(session, this.#now)) return session
    this.#remove(session)
    return -1
  }

  #remove(session: number): void {
    const protocol = this.#inside.protocol[session] as number
    const mapping = this.#mappingOf[session] as number
    const ports = this.#portsOf(protocol)
    if (ports !== undefined) this.#mappings.release(mapping, ports, this.#now)
    this.#accounts.remove(this.#accountOf[session] as Account)
    this.#accountOf[session] = undefined
    this.#inside.remove(session)
    this.#outside.remove(session)
    this.#timers.end(session)
    this.#free.release(session)
    this.#expired++
  }

  /** The ports of a protocol that is mapped endpoint-independently. */
  #portsOf(protocol: number): PortSet | undefined {
    if (protocol === UDP) return this.#udpPorts
    return protocol === ICMP ? this.#icmpIdentifiers : undefined
  }
}
