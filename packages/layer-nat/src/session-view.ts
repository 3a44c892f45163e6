import type { Clock, Peer } from '@millrace/core'
import { type Owner, peerOf } from './accounts.ts'
import { nameOf } from './egress.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { Rows } from './rows.ts'
import {
  BEGAN,
  BYTES_DOWN,
  BYTES_UP,
  MORE_PACKETS_DOWN,
  MORE_PACKETS_UP,
  PACKETS_DOWN,
  PACKETS_UP,
  SESSION_WORDS,
} from './session-row.ts'
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

const NOTHING: NatTraffic = { packets: 0, bytes: 0 }
/** As many packets do not fit into 32 bits. */
const FULL = 2 ** 32

/** Sessions as an operator sees them, and what passes through each. */
export class SessionView {
  readonly capacity: number
  readonly #sessions: Sessions
  readonly #timers: SessionTimers
  readonly #words: Int32Array
  readonly #doubles: Float64Array

  /** `rows` are those of the sessions. */
  constructor(rows: Rows, sessions: Sessions, timers: SessionTimers) {
    this.capacity = rows.capacity
    this.#sessions = sessions
    this.#timers = timers
    this.#words = rows.words
    this.#doubles = rows.doubles
  }

  begin(session: number, now: number): void {
    this.restore(session, now, NOTHING, NOTHING)
  }

  /** A session has begun elsewhere, `began` in milliseconds of this clock. */
  restore(session: number, began: number, up: NatTraffic, down: NatTraffic): void {
    const words = this.#words
    const at = session * SESSION_WORDS
    this.#doubles[(at + BEGAN) >> 1] = began
    this.#doubles[(at + BYTES_UP) >> 1] = up.bytes
    this.#doubles[(at + BYTES_DOWN) >> 1] = down.bytes
    words[at + PACKETS_UP] = up.packets % FULL
    words[at + PACKETS_DOWN] = down.packets % FULL
    words[at + MORE_PACKETS_UP] = Math.floor(up.packets / FULL)
    words[at + MORE_PACKETS_DOWN] = Math.floor(down.packets / FULL)
  }

  count(session: number, up: boolean, packets: number, bytes: number): void {
    const words = this.#words
    const at = session * SESSION_WORDS
    const ofBytes = (at + (up ? BYTES_UP : BYTES_DOWN)) >> 1
    this.#doubles[ofBytes] = (this.#doubles[ofBytes] as number) + bytes
    const ofPackets = at + (up ? PACKETS_UP : PACKETS_DOWN)
    const before = words[ofPackets] as number
    words[ofPackets] = before + packets
    // From -1 to 0 is from all bits to none.
    if (before < 0 && (words[ofPackets] as number) >= 0) {
      const more = at + (up ? MORE_PACKETS_UP : MORE_PACKETS_DOWN)
      words[more] = (words[more] as number) + 1
    }
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
    return {
      peer: peerOf(whose),
      protocol: protocolName(sessions.protocol(session)),
      inside: end(sessions.insideAddress(session), sessions.insidePort(session)),
      outside: end(sessions.outsideAddress(session), sessions.outsidePort(session)),
      remote: end(sessions.remote(session), sessions.remotePort(session)),
      state: sessions.protocol(session) === TCP ? this.#timers.phase(session) : 'active',
      age: now - (this.#doubles[(session * SESSION_WORDS + BEGAN) >> 1] as number),
      idle: now - this.#timers.usedAt(session),
      up: this.#traffic(session, PACKETS_UP, MORE_PACKETS_UP, BYTES_UP),
      down: this.#traffic(session, PACKETS_DOWN, MORE_PACKETS_DOWN, BYTES_DOWN),
    }
  }

  #traffic(session: number, packets: number, more: number, bytes: number): NatTraffic {
    const words = this.#words
    const at = session * SESSION_WORDS
    return {
      packets: (words[at + more] as number) * FULL + ((words[at + packets] as number) >>> 0),
      bytes: this.#doubles[(at + bytes) >> 1] as number,
    }
  }
}

function protocolName(protocol: number): NatProtocol {
  return protocol === TCP ? 'tcp' : protocol === UDP ? 'udp' : protocol === ICMP ? 'icmp' : protocol
}

function end(address: number, port: number): NatEnd {
  return { address: nameOf(address), port }
}
