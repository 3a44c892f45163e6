import type { Datagram } from '@millrace/core'
import { INITIATION_FLOOD_GAP, REKEY_TIMEOUT } from '../proto/constants.ts'
import {
  createInitiation,
  createResponse,
  finishInitiation,
  openInitiation,
  readResponse,
  wipeInitiatorState,
} from '../proto/handshake.ts'
import {
  COOKIE_REPLY_LENGTH,
  cookieReply,
  initiation,
  response,
  writeInitiation,
  writeResponse,
} from '../proto/messages.ts'
import { isLater, tai64n } from '../proto/tai64n.ts'
import { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'
import type { DeviceState } from './state.ts'
import type { Timers } from './timers.ts'
import { CONSUMED, type Verdict } from './verdict.ts'

const EMPTY = new Uint8Array(0)

/** The handshake messages of both roles (paper §5.4.2, §5.4.3, §5.4.7), and what they do to the peer. */
export class Handshakes {
  readonly #state: DeviceState
  readonly #timers: Timers
  readonly #peers: ReadonlyMap<string, PeerState>
  readonly #sendStagedOrKeepalive: (peer: PeerState) => void

  constructor(
    state: DeviceState,
    timers: Timers,
    peers: ReadonlyMap<string, PeerState>,
    sendStagedOrKeepalive: (peer: PeerState) => void,
  ) {
    this.#state = state
    this.#timers = timers
    this.#peers = peers
    this.#sendStagedOrKeepalive = sendStagedOrKeepalive
  }

  /** Begins a handshake, unless one began or was answered less than REKEY_TIMEOUT ago. A new attempt replaces a pending one. */
  initiate(peer: PeerState, isRetry: boolean): void {
    const { now } = this.#state
    if (!isRetry) peer.timers.handshakeAttempts = 0
    if (now - peer.lastSentHandshakeAt < REKEY_TIMEOUT) return
    peer.timers.usedCookie = false
    this.#begin(peer)
  }

  /** Replaces the pending handshake by another: there is a cookie now. */
  repeat(peer: PeerState): void {
    if (peer.handshake !== undefined) this.#begin(peer)
  }

  #begin(peer: PeerState): void {
    const { crypto, now, random, output } = this.#state
    if (peer.endpoint === undefined) {
      output.drop('no-endpoint', 1)
      return
    }
    peer.lastSentHandshakeAt = now
    const { initial, identity } = this.#state
    const staticShared = this.#state.staticSharedOf(peer)
    if (identity === undefined || staticShared === undefined) {
      output.drop(this.#state.whyNoHandshake(), 1)
      return
    }
    const { local } = identity
    const timestamp = tai64n(this.#state.wall)
    const ephemeral = this.#newPrivateKey()
    const made = createInitiation(crypto, initial, local, peer.publicKey, staticShared, ephemeral, timestamp)
    if (made === undefined) {
      output.drop('peer-key-of-low-order', 1)
      return
    }
    this.forgetPending(peer)
    const localIndex = this.#state.indices.allocate(random, peer)
    peer.handshake = { localIndex, state: made.state }
    const message = writeInitiation(localIndex, made.ephemeral, made.encryptedStatic, made.encryptedPayload)
    this.#transmit(peer, message)
    this.#timers.handshakeInitiated(peer)
  }

  /** Wipes the handshake we began, if one is pending, and frees its index. */
  forgetPending(peer: PeerState): void {
    if (peer.handshake === undefined) return
    this.#state.indices.free(peer.handshake.localIndex)
    wipeInitiatorState(peer.handshake.state)
    peer.handshake = undefined
  }

  /** Of the right length and admitted. One Diffie-Hellman tells who it says it is, another whether it is. */
  receiveInitiation(packet: Datagram): Verdict {
    const { crypto, initial, identity, now } = this.#state
    if (identity === undefined) return 'no-private-key'
    const { local } = identity
    const message = packet.bytes()
    const opened = openInitiation(
      crypto,
      initial,
      local,
      initiation.ephemeral(message),
      initiation.encryptedStatic(message),
    )
    if (opened === undefined) return 'initiation-not-authentic'
    const id = Buffer.from(opened.remoteStatic).toString('base64')
    const peer = this.#peers.get(id)
    if (peer === undefined) return this.#state.output.unknownPeer?.(id, packet) ? CONSUMED : 'unknown-peer'
    const staticShared = this.#state.staticSharedOf(peer)
    if (staticShared === undefined) return this.#state.whyNoHandshake()
    const timestamp = finishInitiation(crypto, opened, staticShared, initiation.encryptedTimestamp(message))
    if (timestamp === undefined) return 'initiation-not-authentic'
    if (!isLater(timestamp, peer.latestTimestamp)) return 'initiation-replayed'
    if (now - peer.lastInitiationAt < INITIATION_FLOOD_GAP) return 'initiation-flood'
    peer.latestTimestamp = timestamp
    peer.lastInitiationAt = now
    peer.receivedBytes += packet.length
    this.#state.setEndpoint(peer, packet)
    this.#timers.authenticatedReceived(peer)

    const made = createResponse(crypto, opened, peer.presharedKey, this.#newPrivateKey(), EMPTY)
    if (made === undefined) return 'ephemeral-of-low-order'
    const remoteIndex = initiation.senderIndex(message)
    const localIndex = this.#state.indices.allocate(this.#state.random, peer)
    this.#addKeypair(peer, new Keypair(crypto, made.keys, localIndex, remoteIndex, false, now))
    peer.lastSentHandshakeAt = now
    this.#timers.sessionDerived(peer)
    this.#transmit(peer, writeResponse(localIndex, remoteIndex, made.ephemeral, made.encryptedPayload))
    return CONSUMED
  }

  receiveResponse(packet: Datagram): Verdict {
    const { crypto, indices, identity, now } = this.#state
    if (identity === undefined) return 'no-private-key'
    const { local } = identity
    const message = packet.bytes()
    const localIndex = response.receiverIndex(message)
    const peer = indices.get(localIndex)?.peer
    if (peer?.handshake?.localIndex !== localIndex) return 'unknown-index'
    const { state } = peer.handshake
    const ephemeral = response.ephemeral(message)
    const read = readResponse(crypto, state, local, peer.presharedKey, ephemeral, response.encryptedEmpty(message))
    if (read === undefined) return 'response-not-authentic'
    // The index lives on as that of the session.
    wipeInitiatorState(state)
    peer.handshake = undefined
    peer.receivedBytes += packet.length
    this.#state.setEndpoint(peer, packet)
    const keypair = new Keypair(crypto, read.keys, localIndex, response.senderIndex(message), true, now)
    this.#addKeypair(peer, keypair)
    this.#timers.authenticatedReceived(peer)
    this.#timers.sessionDerived(peer)
    this.#timers.handshakeComplete(peer)
    this.#timers.sessionConfirmed(peer, keypair)
    // The responder may not send before it has heard from us with the new keys (paper §5.4.3): so it hears at once.
    this.#sendStagedOrKeepalive(peer)
    return CONSUMED
  }

  /** Keeps the cookie for the next attempt. It proves nothing about where the peer is: the endpoint stays. */
  receiveCookieReply(packet: Datagram): Verdict {
    if (packet.length !== COOKIE_REPLY_LENGTH) return 'bad-length'
    const message = packet.bytes()
    const peer = this.#state.indices.get(cookieReply.receiverIndex(message))?.peer
    if (peer === undefined) return 'unknown-index'
    if (!peer.macs.takeCookie(message, this.#state.now)) return 'cookie-not-authentic'
    this.#timers.cookieTaken(peer)
    return CONSUMED
  }

  #addKeypair(peer: PeerState, keypair: Keypair): void {
    const entry = this.#state.indices.get(keypair.localIndex)
    if (entry !== undefined) entry.keypair = keypair
    peer.keypairs.add(keypair)
  }

  #transmit(peer: PeerState, message: Uint8Array): void {
    peer.macs.stamp(message, this.#state.now)
    this.#timers.authenticatedSent(peer)
    if (peer.endpoint === undefined) {
      this.#state.output.drop('no-endpoint', 1)
      return
    }
    peer.sentBytes += message.length
    this.#state.output.transmitMessage(message, peer.endpoint, peer.source)
  }

  #newPrivateKey(): Uint8Array {
    const key = new Uint8Array(32)
    this.#state.random.fill(key)
    return key
  }
}
