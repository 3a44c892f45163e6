import { ExpiryLists } from './expiry-lists.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import {
  acknowledgesInbound,
  advanceTcp,
  FIN,
  hasEnded,
  RST,
  SYN,
  TCP_NEW,
  TCP_NEW_INBOUND,
  TCP_STATES,
  type TcpPhase,
  tcpPhase,
} from './tcp-state.ts'
import { type NatTcpSide, TcpWindows } from './tcp-windows.ts'

/** What has been seen of a TCP connection. */
export interface NatTcpProgress {
  /** The bits of `tcp-state.ts`. */
  readonly state: number
  readonly inside: NatTcpSide
  readonly outside: NatTcpSide
}

/** How long a session lives without a packet from the inside, milliseconds. */
export interface NatTimeouts {
  /** Default 5 minutes (RFC 4787 REQ-5). */
  readonly udp: number
  /** ICMP echo. Default 60 seconds (RFC 5508 REQ-2). */
  readonly icmp: number
  /** Default 2 hours 4 minutes (RFC 5382 REQ-5). */
  readonly tcpEstablished: number
  /** TCP while it opens. Default 4 minutes (RFC 5382 REQ-5). */
  readonly tcpOpening: number
  /** TCP after both sides have finished. Default 4 minutes (RFC 7857 §2.1). */
  readonly tcpClosing: number
  /** TCP after a reset. Default 4 minutes (RFC 7857 §2.2). */
  readonly tcpReset: number
  /** Protocols without ports. Default 5 minutes. */
  readonly other: number
}

/** Live sessions by kind. */
export interface SessionCounts {
  readonly udp: number
  readonly icmp: number
  readonly tcpOpening: number
  readonly tcpEstablished: number
  readonly tcpClosing: number
  readonly tcpReset: number
  readonly other: number
}

const LIST_UDP = 0
const LIST_ICMP = 1
const LIST_OTHER = 2
const TCP_LISTS: Readonly<Record<TcpPhase, number>> = { opening: 3, established: 4, closing: 5, reset: 6 }
/** By the state of the connection. */
const TCP_LIST: Uint8Array = Uint8Array.from({ length: TCP_STATES }, (_, state) => TCP_LISTS[tcpPhase(state)])

/** When each session ends: by its protocol, and with TCP by what has been seen of the connection. */
export class SessionTimers {
  readonly #lists: ExpiryLists
  readonly #tcpState: Uint8Array
  readonly #windows: TcpWindows
  #now = Number.NEGATIVE_INFINITY

  constructor(capacity: number, timeouts: NatTimeouts) {
    const { udp, icmp, other, tcpOpening, tcpEstablished, tcpClosing, tcpReset } = timeouts
    this.#lists = new ExpiryLists(capacity, [udp, icmp, other, tcpOpening, tcpEstablished, tcpClosing, tcpReset])
    this.#tcpState = new Uint8Array(capacity)
    this.#windows = new TcpWindows(capacity)
  }

  /** Never runs backwards. Kept here, as it would be an object of its own wherever it is handed on. */
  set now(now: number) {
    this.#now = now
  }

  /** A session begins, TCP with its first SYN, or `inbound` with the SYN-ACK to it. */
  begin(session: number, protocol: number, inbound: boolean): void {
    this.#tcpState[session] = inbound ? TCP_NEW_INBOUND : TCP_NEW
    if (protocol === TCP) this.#windows.begin(session)
    this.#lists.add(session, listFor(protocol, TCP_NEW), this.#now)
  }

  /** How long a session lives without a packet, milliseconds. */
  timeoutFor(protocol: number, tcpState: number): number {
    return this.#lists.timeout(listFor(protocol, tcpState))
  }

  /** Milliseconds until the session ends, if no packet passes. */
  remaining(session: number, now: number): number {
    return this.usedAt(session) + this.#lists.timeout(this.#lists.listOf(session)) - now
  }

  /** Of a TCP session. */
  progress(session: number): NatTcpProgress {
    const windows = this.#windows
    const state = this.#tcpState[session] as number
    return { state, inside: windows.read(session, true), outside: windows.read(session, false) }
  }

  /** A TCP session goes on where it was elsewhere; `resume` next. */
  restore(session: number, { state, inside, outside }: NatTcpProgress): void {
    this.#tcpState[session] = state
    this.#windows.write(session, true, inside)
    this.#windows.write(session, false, outside)
  }

  /** Sessions that have begun elsewhere, those that were used earliest first. */
  resume(
    sessions: readonly number[],
    protocolOf: (session: number) => number,
    usedAt: (session: number) => number,
  ): void {
    const byList = new Map<number, number[]>()
    for (const session of sessions) {
      const list = listFor(protocolOf(session), this.#tcpState[session] as number)
      const among = byList.get(list)
      if (among === undefined) byList.set(list, [session])
      else among.push(session)
    }
    for (const [list, among] of byList) this.#lists.merge(list, among, usedAt)
  }

  end(session: number): void {
    this.#lists.remove(session)
  }

  /** A packet of another protocol than TCP has passed. Only what comes from the inside keeps a session alive (RFC 4787 REQ-6). */
  use(session: number, up: boolean): void {
    if (up) this.#lists.use(session, this.#lists.listOf(session), this.#now)
  }

  /**
   * A TCP segment has passed, from `transport` to `end`. One with FIN or RST that cannot be from that side passes too, as
   * only the receiver knows for sure, but changes nothing here.
   */
  useTcp(session: number, view: DataView, transport: number, end: number, up: boolean): void {
    const windows = this.#windows
    const state = this.#tcpState[session] as number
    const flags = view.getUint8(transport + 13)
    const believed = (flags & (FIN | RST)) === 0 || windows.accepts(session, up, view, transport, end)
    if (!believed && (flags & RST) !== 0) return
    if (!up && acknowledgesInbound(state, flags) && !windows.acknowledgesSyn(session, view, transport)) return
    if (up && (flags & SYN) !== 0 && hasEnded(state)) windows.begin(session)
    const next = advanceTcp(state, believed ? flags : flags & ~FIN, up)
    const list = TCP_LIST[next] as number
    const opening = list === TCP_LISTS.opening || TCP_LIST[state] === TCP_LISTS.opening
    windows.note(session, up, view, transport, end, opening)
    this.#tcpState[session] = next
    // What is about to end ends on time, whoever still sends (RFC 6146 §3.5.2.2).
    const refreshed = up && !hasEnded(next) && (flags & RST) === 0
    if (refreshed || list !== this.#lists.listOf(session)) this.#lists.use(session, list, this.#now)
  }

  /** Of a TCP session. */
  phase(session: number): TcpPhase {
    return tcpPhase(this.#tcpState[session] as number)
  }

  /** When something last kept the session alive. */
  usedAt(session: number): number {
    return this.#lists.usedAt(session)
  }

  /** Whether a TCP segment with this sequence number may be under way from one side. */
  isInFlight(session: number, up: boolean, sequence: number): boolean {
    return this.#windows.isInFlight(session, up, sequence)
  }

  isDue(session: number): boolean {
    return this.#lists.isDue(session, this.#now)
  }

  /** A session whose time is over, or -1. */
  due(): number {
    return this.#lists.due(this.#now)
  }

  counts(): SessionCounts {
    return {
      udp: this.#lists.count(LIST_UDP),
      icmp: this.#lists.count(LIST_ICMP),
      tcpOpening: this.#lists.count(TCP_LISTS.opening),
      tcpEstablished: this.#lists.count(TCP_LISTS.established),
      tcpClosing: this.#lists.count(TCP_LISTS.closing),
      tcpReset: this.#lists.count(TCP_LISTS.reset),
      other: this.#lists.count(LIST_OTHER),
    }
  }
}

function listFor(protocol: number, tcpState: number): number {
  if (protocol === TCP) return TCP_LISTS[tcpPhase(tcpState)]
  return protocol === UDP ? LIST_UDP : protocol === ICMP ? LIST_ICMP : LIST_OTHER
}
