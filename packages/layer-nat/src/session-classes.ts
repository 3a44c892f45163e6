import { ICMP, TCP, UDP } from './protocols.ts'
import { TCP_STATES, tcpPhase } from './tcp-state.ts'

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
export type SessionCounts = Readonly<Record<keyof NatTimeouts, number>>

// Sessions of the same class wait equally long.
const UDP_CLASS = 0
const ICMP_CLASS = 1
const OTHER_CLASS = 2
const TCP_CLASSES = { opening: 3, established: 4, closing: 5, reset: 6 } as const
const CLASSES = 7
/** Of TCP until both sides have agreed. */
export const OPENING_CLASS: number = TCP_CLASSES.opening
/** By the state of the connection. */
const TCP_CLASS: Uint8Array = Uint8Array.from({ length: TCP_STATES }, (_, state) => TCP_CLASSES[tcpPhase(state)])

export function classOfTcp(state: number): number {
  return TCP_CLASS[state] as number
}

/** `tcpState` is for TCP alone. */
export function classOf(protocol: number, tcpState: number): number {
  if (protocol === TCP) return classOfTcp(tcpState)
  return protocol === UDP ? UDP_CLASS : protocol === ICMP ? ICMP_CLASS : OTHER_CLASS
}

/** How long the sessions of each class wait, and how many there are. */
export class SessionClasses {
  readonly #timeouts: Float64Array = new Float64Array(CLASSES)
  readonly #counts: Int32Array = new Int32Array(CLASSES)

  constructor(timeouts: NatTimeouts) {
    this.#timeouts[UDP_CLASS] = timeouts.udp
    this.#timeouts[ICMP_CLASS] = timeouts.icmp
    this.#timeouts[OTHER_CLASS] = timeouts.other
    this.#timeouts[TCP_CLASSES.opening] = timeouts.tcpOpening
    this.#timeouts[TCP_CLASSES.established] = timeouts.tcpEstablished
    this.#timeouts[TCP_CLASSES.closing] = timeouts.tcpClosing
    this.#timeouts[TCP_CLASSES.reset] = timeouts.tcpReset
  }

  /** Milliseconds. */
  timeout(kind: number): number {
    return this.#timeouts[kind] as number
  }

  /** One session more. */
  enter(kind: number): void {
    this.#counts[kind] = this.#count(kind) + 1
  }

  /** One session less. */
  leave(kind: number): void {
    this.#counts[kind] = this.#count(kind) - 1
  }

  counts(): SessionCounts {
    return {
      udp: this.#count(UDP_CLASS),
      icmp: this.#count(ICMP_CLASS),
      tcpOpening: this.#count(TCP_CLASSES.opening),
      tcpEstablished: this.#count(TCP_CLASSES.established),
      tcpClosing: this.#count(TCP_CLASSES.closing),
      tcpReset: this.#count(TCP_CLASSES.reset),
      other: this.#count(OTHER_CLASS),
    }
  }

  #count(kind: number): number {
    return this.#counts[kind] as number
  }
}
