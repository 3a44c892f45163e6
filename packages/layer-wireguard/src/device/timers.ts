import {
  KEEPALIVE_TIMEOUT,
  MAX_TIMER_HANDSHAKES,
  REJECT_AFTER_TIME,
  REKEY_TIMEOUT,
  REKEY_TIMEOUT_JITTER,
  ZERO_KEY_MATERIAL_TIME,
} from '../proto/constants.ts'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'
import { type DeviceState, describe } from './state.ts'

const OFF = Number.POSITIVE_INFINITY

/** What the timers set off. */
export interface TimerActions {
  initiate(peer: PeerState, isRetry: boolean): void
  repeatInitiation(peer: PeerState): void
  sendKeepalive(peer: PeerState): void
  dropStaged(peer: PeerState, reason: string): void
  forgetKeys(peer: PeerState): void
}

/** Paper §6.2 to §6.5: what each event does to a peer's deadlines, and what happens when one is due. */
export class Timers {
  readonly #state: DeviceState
  readonly #actions: TimerActions

  constructor(state: DeviceState, actions: TimerActions) {
    this.#state = state
    this.#actions = actions
  }

  dataSent(peer: PeerState): void {
    if (peer.timers.newHandshake !== OFF) return
    peer.timers.newHandshake = this.#state.now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + this.#jitter()
    this.#state.schedule(peer)
  }

  dataReceived(peer: PeerState): void {
    const { timers } = peer
    if (timers.sendKeepalive !== OFF) {
      timers.needAnotherKeepalive = true
      return
    }
    timers.sendKeepalive = this.#state.now + KEEPALIVE_TIMEOUT
    this.#state.schedule(peer)
  }

  authenticatedSent(peer: PeerState): void {
    peer.timers.sendKeepalive = OFF
    this.#traversed(peer)
  }

  authenticatedReceived(peer: PeerState): void {
    peer.timers.newHandshake = OFF
    this.#traversed(peer)
  }

  handshakeInitiated(peer: PeerState): void {
    peer.timers.useCookie = OFF
    peer.timers.retransmitHandshake = this.#state.now + REKEY_TIMEOUT + this.#jitter()
    this.#state.schedule(peer)
  }

  /**
   * The responder is under load, and now knows where we are. By the paper (§5.4.7) a cookie waits for the next retry, which
   * keeps out for 5 s whoever is new: here it brings that retry forward, once an attempt, so that no stream of cookies makes
   * a stream of initiations.
   */
  cookieTaken(peer: PeerState): void {
    const { timers } = peer
    if (timers.retransmitHandshake === OFF || timers.usedCookie) return
    timers.usedCookie = true
    timers.useCookie = this.#state.now + this.#jitter()
    this.#state.schedule(peer)
  }

  handshakeComplete(peer: PeerState): void {
    peer.timers.retransmitHandshake = OFF
    peer.timers.useCookie = OFF
    peer.timers.handshakeAttempts = 0
    peer.sentLastMinuteHandshake = false
    peer.latestHandshake = this.#state.wall
  }

  /** Keys were derived: the wiping of all keys begins to be counted anew. */
  sessionDerived(peer: PeerState): void {
    peer.timers.zeroKeyMaterial = this.#state.now + ZERO_KEY_MATERIAL_TIME
    this.#state.schedule(peer)
  }

  /** A session is confirmed: tells so, and watches for its end. */
  sessionConfirmed(peer: PeerState, { createdAt }: Keypair): void {
    const type = peer.isUp ? 'session-rekeyed' : 'session-up'
    peer.isUp = true
    peer.timers.sessionExpiry = createdAt + REJECT_AFTER_TIME
    this.#state.schedule(peer)
    this.#state.output.event({ type, peer: describe(peer), endpoint: peer.endpoint })
  }

  /** Runs everything that is due at `state.now`. */
  run(): void {
    const { deadlines } = this.#state
    for (;;) {
      const peer = deadlines.take(this.#state.now)
      if (peer === undefined) return
      // An entry that an earlier one has overtaken: the peer has another, or is gone.
      if (peer.removed || peer.timers.scheduledAt > this.#state.now) continue
      peer.timers.scheduledAt = OFF
      this.#fire(peer)
      this.#state.schedule(peer)
    }
  }

  #fire(peer: PeerState): void {
    const { timers } = peer
    const { now } = this.#state
    if (timers.retransmitHandshake <= now) {
      timers.retransmitHandshake = OFF
      this.#retransmit(peer)
    }
    if (timers.useCookie <= now) {
      timers.useCookie = OFF
      this.#actions.repeatInitiation(peer)
    }
    if (timers.sendKeepalive <= now) {
      timers.sendKeepalive = OFF
      this.#actions.sendKeepalive(peer)
      if (timers.needAnotherKeepalive) {
        timers.needAnotherKeepalive = false
        timers.sendKeepalive = now + KEEPALIVE_TIMEOUT
      }
    }
    if (timers.newHandshake <= now) {
      timers.newHandshake = OFF
      peer.local = undefined
      this.#actions.initiate(peer, false)
    }
    if (timers.persistentKeepalive <= now) {
      // Set again before it is sent: it may not get as far as the wire.
      timers.persistentKeepalive = OFF
      this.#traversed(peer)
      if (peer.persistentKeepaliveInterval > 0) this.#actions.sendKeepalive(peer)
    }
    if (timers.sessionExpiry <= now) {
      timers.sessionExpiry = OFF
      this.#sessionExpired(peer)
    }
    if (timers.zeroKeyMaterial <= now) {
      timers.zeroKeyMaterial = OFF
      this.#actions.forgetKeys(peer)
    }
  }

  #retransmit(peer: PeerState): void {
    const { timers } = peer
    if (timers.handshakeAttempts > MAX_TIMER_HANDSHAKES) {
      timers.sendKeepalive = OFF
      this.#actions.dropStaged(peer, 'handshake-failed')
      if (timers.zeroKeyMaterial === OFF) timers.zeroKeyMaterial = this.#state.now + ZERO_KEY_MATERIAL_TIME
      const attempts = timers.handshakeAttempts + 1
      this.#state.output.event({ type: 'handshake-failed', peer: describe(peer), attempts })
      return
    }
    timers.handshakeAttempts++
    // It may be our own address that no longer works: the system chooses anew (kernel timers.c).
    peer.local = undefined
    if (peer.endpointName !== undefined) {
      this.#state.output.findEndpoint?.(peer.id, peer.endpointName, peer.endpoint)
    }
    this.#actions.initiate(peer, true)
  }

  #sessionExpired(peer: PeerState): void {
    if (!peer.isUp) return
    peer.isUp = false
    this.#state.output.event({ type: 'session-expired', peer: describe(peer) })
  }

  /** Any authenticated packet, in or out, puts the persistent keepalive off. */
  #traversed(peer: PeerState): void {
    const interval = peer.persistentKeepaliveInterval
    if (interval === 0) return
    peer.timers.persistentKeepalive = this.#state.now + interval
    this.#state.schedule(peer)
  }

  #jitter(): number {
    return this.#state.random.uint32() % REKEY_TIMEOUT_JITTER
  }
}
