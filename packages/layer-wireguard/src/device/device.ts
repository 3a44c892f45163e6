import type { Datagram, PeerPacket, Random, Segmenter, SocketAddress } from '@millrace/core'
import type { AllowedIpTable } from '../allowed-ips/allowed-ips.ts'
import type { HostPort } from '../config/config.ts'
import type { CryptoProvider } from '../crypto/crypto.ts'
import type { ParsedPeer } from '../options.ts'
import type { KeyPair } from '../proto/handshake.ts'
import {
  INITIATION_LENGTH,
  MESSAGE_COOKIE_REPLY,
  MESSAGE_INITIATION,
  MESSAGE_RESPONSE,
  MESSAGE_TRANSPORT,
  RESPONSE_LENGTH,
} from '../proto/messages.ts'
import { Admission } from './admission.ts'
import type { HandOver } from './hand-over.ts'
import { Handshakes } from './handshakes.ts'
import { Identity } from './identity.ts'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'
import { PeerTable } from './peer-table.ts'
import { type DeviceOutput, DeviceState } from './state.ts'
import { Timers } from './timers.ts'
import { Transport } from './transport.ts'
import { CONSUMED, type Verdict } from './verdict.ts'

/** What a device is made of. It reads no clock, draws no randomness but from here, and opens no socket. */
export interface DeviceOptions {
  /** Undefined: no private key yet; see `setPrivateKey`. */
  readonly local: KeyPair | undefined
  readonly crypto: CryptoProvider
  readonly random: Random
  readonly allowedIps: AllowedIpTable
  /** Of the packets inside the tunnel, bytes: padding does not go past it. */
  readonly mtu: number
  readonly output: DeviceOutput
  /** Makes the copy of a packet that has to wait for a session. */
  readonly copy: (packet: PeerPacket) => PeerPacket | undefined
}

/**
 * WireGuard without input or output: takes datagrams, packets and the time, gives datagrams, packets, events and the
 * next deadline. Tell it the time with `at` before anything else.
 */
export class Device {
  readonly #state: DeviceState
  readonly #timers: Timers
  readonly #handshakes: Handshakes
  readonly #transport: Transport
  readonly #admission: Admission
  readonly #peers: PeerTable

  constructor({ local, crypto, random, allowedIps, mtu, output, copy }: DeviceOptions) {
    this.#state = new DeviceState(output, random, crypto)
    if (local !== undefined) this.#state.identity = new Identity(local, this.#state)
    this.#peers = new PeerTable(this.#state, allowedIps)
    this.#timers = new Timers(this.#state, {
      initiate: (peer, isRetry) => this.#handshakes.initiate(peer, isRetry),
      repeatInitiation: (peer) => this.#handshakes.repeat(peer),
      sendKeepalive: (peer) => this.#transport.sendKeepalive(peer),
      dropStaged: (peer, reason) => this.#transport.dropStaged(peer, reason),
      forgetKeys: (peer) => this.#keysExpired(peer),
    })
    const initiate = (peer: PeerState): void => this.#handshakes.initiate(peer, false)
    this.#transport = new Transport(this.#state, this.#timers, initiate, copy)
    this.#state.mtu = mtu
    this.#handshakes = new Handshakes(this.#state, this.#timers, this.#peers.byId, (peer) =>
      this.#transport.sendKeepalive(peer),
    )
    this.#admission = new Admission(this.#state, (packet) =>
      packet.length === INITIATION_LENGTH
        ? this.#handshakes.receiveInitiation(packet)
        : this.#handshakes.receiveResponse(packet),
    )
  }

  get peers(): ReadonlyMap<string, PeerState> {
    return this.#peers.byId
  }

  /** When `tick` is to be called, Clock.now milliseconds; Infinity for not at all. */
  get nextDeadline(): number {
    return this.#admission.queued > 0 ? this.#state.now : this.#state.deadlines.next
  }

  get privateKey(): Uint8Array | undefined {
    return this.#state.identity?.local.privateKey
  }

  isOwnKey(publicKey: Uint8Array): boolean {
    return this.#peers.isOwnKey(publicKey)
  }

  /** Whether handshakes now need a cookie. */
  get underLoad(): boolean {
    return this.#admission.underLoad
  }

  /** Indices in use: handshakes pending and sessions. */
  get indexCount(): number {
    return this.#state.indices.size
  }

  /** Of the packets inside the tunnel, bytes: padding does not go past it. */
  set mtu(mtu: number) {
    this.#state.mtu = mtu
  }

  /** Sets the time of what follows: Clock.now and Clock.wall; and who seals and opens it, if not this thread. */
  at(now: number, wall: number, handOver?: HandOver): void {
    this.#state.handOver = handOver
    this.#state.now = now
    this.#state.wall = wall
    this.#admission.beginStep()
  }

  /** Takes a datagram from the wire. `PASS`: it is a packet of `packet.peer` now. */
  receive(packet: Datagram): Verdict {
    if (packet.length < 4) return 'bad-length'
    switch (packet.view.getUint32(packet.offset, true)) {
      case MESSAGE_TRANSPORT:
        return this.#transport.receive(packet)
      case MESSAGE_INITIATION:
        return packet.length === INITIATION_LENGTH ? this.#admission.admit(packet) : 'bad-length'
      case MESSAGE_RESPONSE:
        return packet.length === RESPONSE_LENGTH ? this.#admission.admit(packet) : 'bad-length'
      case MESSAGE_COOKIE_REPLY:
        return this.#handshakes.receiveCookieReply(packet)
      default:
        return 'bad-type'
    }
  }

  /** Whether sealing and opening are other threads' work, in this step. */
  get handsOver(): boolean {
    return this.#state.handOver !== undefined
  }

  /** Hands over a train, where that is done. `PASS`: its datagrams are to be received one by one. */
  receiveTrain(packet: Datagram): Verdict {
    return this.#transport.receiveTrain(packet)
  }

  /** Takes back a message that was handed over, opened. `PASS`: it is a packet of `packet.peer` now. */
  accept(packet: Datagram, peer: PeerState, keypair: Keypair): Verdict {
    return this.#transport.accept(packet, peer, keypair)
  }

  /** Takes a packet for a peer. `PASS`: it is a datagram for the wire now. */
  send(packet: PeerPacket): Verdict {
    const peer = packet.peer as PeerState
    if (this.#peers.byId.get(peer.id) !== peer) return 'peer-removed'
    return this.#transport.send(packet, peer)
  }

  /** Does what is due. */
  tick(): void {
    this.#admission.work()
    this.#timers.run()
  }

  /** Throws a ConfigurationError if it is there already, is this device itself, or is one too many. */
  addPeer(parsed: ParsedPeer): PeerState {
    return this.#peers.add(parsed)
  }

  /** A peer that a look-up has found, and the initiation it was looked up for: it stays only if that proves to be its own. */
  adopt(parsed: ParsedPeer, initiation: Datagram): Verdict {
    const isNew = !this.#peers.byId.has(parsed.id)
    if (isNew) this.#peers.addOnDemand(parsed)
    const verdict = this.#handshakes.receiveInitiation(initiation)
    if (isNew && verdict !== CONSUMED) this.removePeer(parsed.id)
    return verdict
  }

  /** Changes what `parsed` names and leaves the rest. */
  updatePeer(id: string, parsed: Partial<ParsedPeer>): void {
    this.#peers.update(id, parsed)
  }

  /** The address of a peer's endpoint, which has a name. The peer may have moved to another name, or gone, meanwhile. */
  endpointFound(id: string, name: HostPort, address: SocketAddress): void {
    const peer = this.#peers.byId.get(id)
    if (peer?.endpointName !== name) return
    const isFirst = peer.endpoint === undefined
    peer.endpoint = address
    if (isFirst && peer.persistentKeepaliveInterval > 0) this.#transport.sendKeepalive(peer)
  }

  /** Ends its sessions at once, wipes its keys, drops what waits for it. */
  removePeer(id: string): boolean {
    const peer = this.#peers.remove(id)
    if (peer === undefined) return false
    this.#transport.dropStaged(peer, 'peer-removed')
    this.#forgetKeys(peer)
    peer.clearTimers()
    peer.presharedKey.fill(0)
    peer.staticShared?.fill(0)
    return true
  }

  /**
   * Another private key, or none. A peer with our new public key goes; sessions end, for they stand for the old key, and
   * the next packet of each peer begins a handshake at once (kernel `wg_set_device`).
   */
  setPrivateKey(local: KeyPair | undefined): void {
    this.#state.identity?.local.privateKey.fill(0)
    this.#state.identity = local && new Identity(local, this.#state)
    for (const peer of [...this.#peers.byId.values()]) {
      if (this.#peers.isOwnKey(peer.publicKey)) this.removePeer(peer.id)
      else this.#endSessions(peer)
    }
  }

  /** Takes other sources of randomness and primitives from now on, and what cuts super-packets. */
  use(random: Random, crypto: CryptoProvider, segmenter: Segmenter): void {
    this.#state.random = random
    this.#state.crypto = crypto
    this.#state.segmenter = segmenter
  }

  /** Arms what has to run from the beginning: persistent keepalives, which bring sessions up. */
  open(): void {
    for (const peer of this.#peers.byId.values()) {
      if (peer.endpointName !== undefined && peer.endpoint === undefined) {
        this.#state.output.findEndpoint?.(peer.id, peer.endpointName, undefined)
      }
      if (peer.persistentKeepaliveInterval === 0) continue
      peer.timers.persistentKeepalive = this.#state.now
      this.#state.schedule(peer)
    }
  }

  /** Ends and wipes all sessions and drops what waits. The peers stay, for another `open`, which may begin handshakes at once. */
  close(): void {
    this.#admission.clear()
    for (const peer of this.#peers.byId.values()) {
      this.#transport.dropStaged(peer, 'device-closed')
      this.#endSessions(peer)
      peer.clearTimers()
    }
  }

  /** Wipes them, and lets another handshake begin at once. */
  #endSessions(peer: PeerState): void {
    this.#forgetKeys(peer)
    peer.lastSentHandshakeAt = Number.NEGATIVE_INFINITY
  }

  /** Nothing was heard from it for long. One that came by a look-up goes, and may come again. */
  #keysExpired(peer: PeerState): void {
    this.#forgetKeys(peer)
    if (!peer.onDemand) return
    this.#peers.rememberStamp(peer)
    this.removePeer(peer.id)
  }

  #forgetKeys(peer: PeerState): void {
    this.#handshakes.forgetPending(peer)
    peer.keypairs.clear()
    peer.isUp = false
  }
}
