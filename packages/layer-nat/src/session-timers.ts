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
  type TcpPhase,
  tcpPhase,
} from './tcp-state.ts'
import { TcpWindows } from './tcp-windows.ts'

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

/** When each session ends: by its protocol, and with TCP by what has been seen of the connection. */
export class SessionTimers {
  readonly #lists: ExpiryLists
  readonly #tcpState: Uint8Array
  readonly #windows: TcpWindows

  constructor(capacity: number, timeouts: NatTimeouts) {
    const { udp, icmp, other, tcpOpening, tcpEstablished, tcpClosing, tcpReset } = timeouts
    this.#lists = new ExpiryLists(capacity, [udp, icmp, other, tcpOpening, tcpEstablished, tcpClosing, tcpReset])
    this.#tcpState = new Uint8Array(capacity)
    this.#windows = new TcpWindows(capacity)
  }

  /** A session begins, TCP with its first SYN, or `inbound` with the SYN-ACK to it. */
  begin(session: number, protocol: number, inbound: boolean, now: number): void {
    this.#tcpState[session] = inbound ? TCP_NEW_INBOUND : TCP_NEW
    if (protocol === TCP) this.#windows.begin(session)
    const list = protocol === TCP ? TCP_LISTS.opening : protocol === UDP ? LIST_UDP : LIST_OTHER
    this.#lists.add(session, protocol === ICMP ? LIST_ICMP : list, now)
  }

  end(session: number): void {
    this.#lists.remove(session)
  }

  /** A packet of another protocol than TCP has passed. Only what comes from the inside keeps a session alive (RFC 4787 REQ-6). */
  use(session: number, up: boolean, now: number): void {
    if (up) this.#lists.use(session, this.#lists.listOf(session), now)
  }

  /**
   * A TCP segment has passed, from `transport` to `end`. One with FIN or RST that cannot be from that side passes too, as
   * only the receiver knows for sure, but changes nothing here.
   */
  useTcp(session: number, view: DataView, transport: number, end: number, up: boolean, now: number): void {
    const windows = this.#windows
    const state = this.#tcpState[session] as number
    const flags = view.getUint8(transport + 13)
    const believed = (flags & (FIN | RST)) === 0 || windows.accepts(session, up, view, transport, end)
    if (!believed && (flags & RST) !== 0) return
    if (!up && acknowledgesInbound(state, flags) && !windows.acknowledgesSyn(session, view, transport)) return
    if (up && (flags & SYN) !== 0 && hasEnded(state)) windows.begin(session)
    const next = advanceTcp(state, believed ? flags : flags & ~FIN, up)
    const phase = tcpPhase(next)
    windows.note(session, up, view, transport, end, phase === 'opening' || tcpPhase(state) === 'opening')
    this.#tcpState[session] = next
    const list = TCP_LISTS[phase]
    // What is about to end ends on time, whoever still sends (RFC 6146 §3.5.2.2).
    const refreshed = up && !hasEnded(next) && (flags & RST) === 0
    if (refreshed || list !== this.#lists.listOf(session)) this.#lists.use(session, list, now)
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

  isDue(session: number, now: number): boolean {
    return this.#lists.isDue(session, now)
  }

  /** A session whose time is over, or -1. */
  due(now: number): number {
    return this.#lists.due(now)
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
