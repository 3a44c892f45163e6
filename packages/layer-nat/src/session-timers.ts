import { TCP } from './protocols.ts'
import type { Rows } from './rows.ts'
import {
  classOf,
  classOfTcp,
  type NatTimeouts,
  OPENING_CLASS,
  SessionClasses,
  type SessionCounts,
} from './session-classes.ts'
import { SESSION_WORDS, STATE, TIMER, USED } from './session-row.ts'
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
import { TimerWheel } from './timer-wheel.ts'

/** The class stands above the state in one word. */
const CLASS_SHIFT: number = Math.log2(TCP_STATES)

/** What has been seen of a TCP connection. */
export interface NatTcpProgress {
  /** The bits of `tcp-state.ts`. */
  readonly state: number
  readonly inside: NatTcpSide
  readonly outside: NatTcpSide
}

/** Values of `due` that are no session: none is due, or one that has been used since was put off, so ask again. */
export const NONE_DUE = -1
export const PUT_OFF = -2

/** When each session ends: by its protocol, and with TCP by what has been seen of the connection. */
export class SessionTimers {
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  readonly #classes: SessionClasses
  readonly #wheel: TimerWheel
  readonly #windows: TcpWindows
  #now = Number.NEGATIVE_INFINITY

  /** `rows` as `sessionRows` makes them. */
  constructor(rows: Rows, timeouts: NatTimeouts) {
    this.#words = rows.words
    this.#doubles = rows.doubles
    this.#classes = new SessionClasses(timeouts)
    this.#wheel = new TimerWheel(rows, TIMER)
    this.#windows = new TcpWindows(rows.words)
  }

  /** Never runs backwards. Kept here, as it would be an object of its own wherever it is handed on. */
  set now(now: number) {
    this.#now = now
  }

  /** A session begins, TCP with its first SYN, or `inbound` with the SYN-ACK to it. */
  begin(session: number, protocol: number, inbound: boolean): void {
    const state = inbound ? TCP_NEW_INBOUND : TCP_NEW
    if (protocol === TCP) this.#windows.begin(session)
    this.#enter(session, state, classOf(protocol, state), this.#now)
  }

  /** A session goes on that has begun elsewhere, and was last used at `used`, milliseconds. `progress` is of TCP alone. */
  resume(session: number, protocol: number, used: number, progress: NatTcpProgress | undefined): void {
    const state = progress?.state ?? TCP_NEW
    if (progress !== undefined) {
      this.#windows.write(session, true, progress.inside)
      this.#windows.write(session, false, progress.outside)
    }
    this.#enter(session, state, classOf(protocol, state), used)
  }

  end(session: number): void {
    this.#classes.leave(this.#class(session))
    this.#wheel.remove(session)
  }

  /** A packet of another protocol than TCP has passed. Only what comes from the inside keeps a session alive (RFC 4787 REQ-6). */
  use(session: number, up: boolean): void {
    if (up) this.#doubles[(session * SESSION_WORDS + USED) >> 1] = this.#now
  }

  /**
   * A TCP segment has passed, from `transport` to `end`. One with FIN or RST that cannot be from that side passes too, as
   * only the receiver knows for sure, but changes nothing here.
   */
  useTcp(session: number, view: DataView, transport: number, end: number, up: boolean): void {
    const windows = this.#windows
    const state = this.#state(session)
    const flags = view.getUint8(transport + 13)
    const believed = (flags & (FIN | RST)) === 0 || windows.accepts(session, up, view, transport, end)
    if (!believed && (flags & RST) !== 0) return
    if (!up && acknowledgesInbound(state, flags) && !windows.acknowledgesSyn(session, view, transport)) return
    if (up && (flags & SYN) !== 0 && hasEnded(state)) windows.begin(session)
    const next = advanceTcp(state, believed ? flags : flags & ~FIN, up)
    const before = this.#class(session)
    const after = classOfTcp(next)
    windows.note(session, up, view, transport, end, before === OPENING_CLASS || after === OPENING_CLASS)
    // What is about to end ends on time, whoever still sends (RFC 6146 §3.5.2.2).
    const refreshed = up && !hasEnded(next) && (flags & RST) === 0
    if (refreshed || after !== before) this.#doubles[(session * SESSION_WORDS + USED) >> 1] = this.#now
    if (next !== state) this.#advance(session, next, before, after)
  }

  /** Of a TCP session. */
  phase(session: number): TcpPhase {
    return tcpPhase(this.#state(session))
  }

  /** Of a TCP session. */
  progress(session: number): NatTcpProgress {
    const windows = this.#windows
    return { state: this.#state(session), inside: windows.read(session, true), outside: windows.read(session, false) }
  }

  /** Whether a TCP segment with this sequence number may be under way from one side. */
  isInFlight(session: number, up: boolean, sequence: number): boolean {
    return this.#windows.isInFlight(session, up, sequence)
  }

  /** When something last kept the session alive. */
  usedAt(session: number): number {
    return this.#doubles[(session * SESSION_WORDS + USED) >> 1] as number
  }

  /** How long a session lives without a packet, milliseconds. */
  timeoutFor(protocol: number, tcpState: number): number {
    return this.#classes.timeout(classOf(protocol, tcpState))
  }

  /** Milliseconds until the session ends, if no packet passes. */
  remaining(session: number, now: number): number {
    return this.#deadline(session) - now
  }

  isDue(session: number): boolean {
    return this.#deadline(session) <= this.#now
  }

  /** A session whose time is over, or {@link NONE_DUE}, or {@link PUT_OFF}. */
  due(): number {
    const session = this.#wheel.due(this.#now)
    if (session < 0) return NONE_DUE
    const deadline = this.#deadline(session)
    if (deadline <= this.#now) return session
    this.#wheel.remove(session)
    this.#wheel.add(session, deadline, this.#now)
    return PUT_OFF
  }

  counts(): SessionCounts {
    return this.#classes.counts()
  }

  #enter(session: number, state: number, kind: number, used: number): void {
    this.#words[session * SESSION_WORDS + STATE] = (kind << CLASS_SHIFT) | state
    this.#doubles[(session * SESSION_WORDS + USED) >> 1] = used
    this.#classes.enter(kind)
    this.#wheel.add(session, used + this.#classes.timeout(kind), this.#now)
  }

  #advance(session: number, state: number, before: number, after: number): void {
    this.#words[session * SESSION_WORDS + STATE] = (after << CLASS_SHIFT) | state
    if (before === after) return
    const classes = this.#classes
    classes.leave(before)
    classes.enter(after)
    // A later deadline is seen when the wheel comes round to the earlier one.
    if (classes.timeout(after) >= classes.timeout(before)) return
    this.#wheel.remove(session)
    this.#wheel.add(session, this.#now + classes.timeout(after), this.#now)
  }

  #deadline(session: number): number {
    return this.usedAt(session) + this.#classes.timeout(this.#class(session))
  }

  #state(session: number): number {
    return (this.#words[session * SESSION_WORDS + STATE] as number) & (TCP_STATES - 1)
  }

  #class(session: number): number {
    return (this.#words[session * SESSION_WORDS + STATE] as number) >> CLASS_SHIFT
  }
}
