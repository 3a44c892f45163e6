import type { Clock, Peer } from '@millrace/core'
import { type Owner, peerOf } from './accounts.ts'
import { nameOf } from './egress.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { SessionTimers } from './session-timers.ts'
import type { Sessions } from './sessions.ts'
import type { TcpPhase } from './tcp-state.ts'

/** An end of a mapping. The port is an ICMP echo's identifier inside and outside, and 0 where there is none. */
export interface NatEnd {
  readonly address: string
  readonly port: number
}

/** Packets and bytes of IP, headers included. Of a fragmented datagram only the first fragment counts here. */
export interface NatTraffic {
  readonly packets: number
  readonly bytes: number
}

/** One live session. */
export interface NatMapping {
  /** The inside address, as text, where packets have no peer. */
  readonly peer: Peer | string
  readonly protocol: NatProtocol
  readonly inside: NatEnd
  readonly outside: NatEnd
  readonly remote: NatEnd
  /** `active` for all that is not TCP. */
  readonly state: TcpPhase | 'active'
  /** Milliseconds since it began. */
  readonly age: number
  /** Milliseconds since something last kept it alive. */
  readonly idle: number
  /** From the inside and from the outside. */
  readonly up: NatTraffic
  readonly down: NatTraffic
}

/** A number is the IANA's, of a protocol without ports. */
export type NatProtocol = 'icmp' | 'tcp' | 'udp' | number

/** Columns of a session: when it began, packets and bytes up, packets and bytes down. */
const COLUMNS = 5

/** Sessions as an operator sees them, and what passes through each. */
export class SessionView {
  readonly #sessions: Sessions
  readonly #timers: SessionTimers
  readonly #columns: Float64Array

  constructor(capacity: number, sessions: Sessions, timers: SessionTimers) {
    this.#sessions = sessions
    this.#timers = timers
    this.#columns = new Float64Array(capacity * COLUMNS)
  }

  begin(session: number, now: number): void {
    const at = session * COLUMNS
    this.#columns.fill(0, at, at + COLUMNS)
    this.#columns[at] = now
  }

  /** A session has begun elsewhere, `began` in milliseconds of this clock. */
  restore(session: number, began: number, up: NatTraffic, down: NatTraffic): void {
    this.#columns.set([began, up.packets, up.bytes, down.packets, down.bytes], session * COLUMNS)
  }

  count(session: number, up: boolean, packets: number, bytes: number): void {
    const at = session * COLUMNS + (up ? 1 : 3)
    this.#columns[at] = (this.#columns[at] as number) + packets
    this.#columns[at + 1] = (this.#columns[at + 1] as number) + bytes
  }

  get capacity(): number {
    return this.#columns.length / COLUMNS
  }

  /** The live sessions. Allocates one at a time. */
  *list(clock: Clock): Generator<NatMapping> {
    for (let session = 0; session < this.capacity; session++) {
      if (this.#sessions.account(session) !== undefined) yield this.describe(session, clock.now())
    }
  }

  /** A live session; with its owner, also one that has just been removed. Allocates. */
  describe(session: number, now: number, owner?: Owner): NatMapping {
    const sessions = this.#sessions
    const whose = owner ?? sessions.account(session)?.owner ?? sessions.insideAddress(session)
    const at = session * COLUMNS
    const column = (i: number): number => this.#columns[at + i] as number
    return {
      peer: peerOf(whose),
      protocol: protocolName(sessions.protocol(session)),
      inside: end(sessions.insideAddress(session), sessions.insidePort(session)),
      outside: end(sessions.outsideAddress(session), sessions.outsidePort(session)),
      remote: end(sessions.remote(session), sessions.remotePort(session)),
      state: sessions.protocol(session) === TCP ? this.#timers.phase(session) : 'active',
      age: now - column(0),
      idle: now - this.#timers.usedAt(session),
      up: { packets: column(1), bytes: column(2) },
      down: { packets: column(3), bytes: column(4) },
    }
  }
}

function protocolName(protocol: number): NatProtocol {
  return protocol === TCP ? 'tcp' : protocol === UDP ? 'udp' : protocol === ICMP ? 'icmp' : protocol
}

function end(address: number, port: number): NatEnd {
  return { address: nameOf(address), port }
}
