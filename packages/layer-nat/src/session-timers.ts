import { ExpiryLists } from './expiry-lists.ts'
import { TCP, UDP } from './protocols.ts'
import { advanceTcp, RST, TCP_NEW, type TcpPhase, tcpPhase } from './tcp-state.ts'

/** How long a session lives without a packet from the inside, milliseconds. */
export interface NatTimeouts {
  /** Default 5 minutes (RFC 4787 REQ-5). */
  readonly udp: number
  /** ICMP echo. Default 60 seconds (RFC 5508 REQ-2). */
  readonly icmp: number
  /** Default 2 hours 4 minutes (RFC 5382 REQ-5). */
  readonly tcpEstablished: number
  /** TCP while it opens, after both sides have finished, and after a reset. Default 4 minutes (RFC 5382 REQ-5, RFC 7857 §2). */
  readonly tcpTransitory: number
}

/** Live sessions by kind. */
export interface SessionCounts {
  readonly udp: number
  readonly icmp: number
  readonly tcpOpening: number
  readonly tcpEstablished: number
  readonly tcpClosing: number
}

const LIST_UDP = 0
const LIST_ICMP = 1
const TCP_LISTS: Readonly<Record<TcpPhase, number>> = { opening: 2, established: 3, closing: 4 }

/** When each session ends: by its protocol, and with TCP by what has been seen of the connection. */
export class SessionTimers {
  readonly #lists: ExpiryLists
  readonly #tcpState: Uint8Array

  constructor(capacity: number, { udp, icmp, tcpTransitory, tcpEstablished }: NatTimeouts) {
    this.#lists = new ExpiryLists(capacity, [udp, icmp, tcpTransitory, tcpEstablished, tcpTransitory])
    this.#tcpState = new Uint8Array(capacity)
  }

  /** A session begins, TCP with its first SYN. */
  begin(session: number, protocol: number, now: number): void {
    this.#tcpState[session] = TCP_NEW
    this.#lists.add(session, protocol === TCP ? TCP_LISTS.opening : protocol === UDP ? LIST_UDP : LIST_ICMP, now)
  }

  end(session: number): void {
    this.#lists.remove(session)
  }

  /** A UDP or ICMP packet has passed. Only what comes from the inside keeps a session alive (RFC 4787 REQ-6). */
  use(session: number, up: boolean, now: number): void {
    if (up) this.#lists.use(session, this.#lists.listOf(session), now)
  }

  /** A TCP segment with `flags` has passed. */
  useTcp(session: number, flags: number, up: boolean, now: number): void {
    const state = advanceTcp(this.#tcpState[session] as number, flags, up)
    this.#tcpState[session] = state
    const phase = tcpPhase(state)
    const list = TCP_LISTS[phase]
    // What is about to end ends on time, whoever still sends (RFC 6146 §3.5.2.2).
    const refreshed = up && phase !== 'closing' && (flags & RST) === 0
    if (refreshed || list !== this.#lists.listOf(session)) this.#lists.use(session, list, now)
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
    }
  }
}
