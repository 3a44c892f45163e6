import { ConfigurationError, type Datagram, type PeerPacket, type Random } from '@millrace/core'
import type { AllowedIpTable } from '../allowed-ips/allowed-ips.ts'
import type { CryptoProvider } from '../crypto/crypto.ts'
import type { ParsedPeer } from '../options.ts'
import { MAX_PEERS } from '../proto/constants.ts'
import type { KeyPair } from '../proto/handshake.ts'
import { MESSAGE_COOKIE_REPLY, MESSAGE_INITIATION, MESSAGE_RESPONSE, MESSAGE_TRANSPORT } from '../proto/messages.ts'
import { Handshakes } from './handshakes.ts'
import { PeerState } from './peer.ts'
import { type DeviceOutput, DeviceState } from './state.ts'
import { Timers } from './timers.ts'
import { Transport } from './transport.ts'
import type { Verdict } from './verdict.ts'

/** What a device is made of. It reads no clock, draws no randomness but from here, and opens no socket. */
export interface DeviceOptions {
  readonly local: KeyPair
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
  readonly #allowedIps: AllowedIpTable
  readonly #peers = new Map<string, PeerState>()

  constructor({ local, crypto, random, allowedIps, mtu, output, copy }: DeviceOptions) {
    this.#state = new DeviceState(output, random, crypto, local)
    this.#allowedIps = allowedIps
    this.#timers = new Timers(this.#state, {
      initiate: (peer, isRetry) => this.#handshakes.initiate(peer, isRetry),
      sendKeepalive: (peer) => this.#transport.sendKeepalive(peer),
      dropStaged: (peer, reason) => this.#transport.dropStaged(peer, reason),
      forgetKeys: (peer) => this.#forgetKeys(peer),
    })
    const initiate = (peer: PeerState): void => this.#handshakes.initiate(peer, false)
    this.#transport = new Transport(this.#state, this.#timers, mtu, initiate, copy)
    this.#handshakes = new Handshakes(this.#state, this.#timers, this.#peers, (peer) =>
      this.#transport.sendKeepalive(peer),
    )
  }

  get peers(): ReadonlyMap<string, PeerState> {
    return this.#peers
  }

  /** When `tick` is to be called, Clock.now milliseconds; Infinity for not at all. */
  get nextDeadline(): number {
    return this.#state.deadlines.next
  }

  /** Indices in use: handshakes pending and sessions. */
  get indexCount(): number {
    return this.#state.indices.size
  }

  /** Sets the time of what follows: Clock.now and Clock.wall. */
  at(now: number, wall: number): void {
    this.#state.now = now
    this.#state.wall = wall
  }

  /** Takes a datagram from the wire. `PASS`: it is a packet of `packet.peer` now. */
  receive(packet: Datagram): Verdict {
    if (packet.length < 4) return 'bad-length'
    switch (packet.view.getUint32(packet.offset, true)) {
      case MESSAGE_TRANSPORT:
        return this.#transport.receive(packet)
      case MESSAGE_INITIATION:
        return this.#handshakes.receiveInitiation(packet)
      case MESSAGE_RESPONSE:
        return this.#handshakes.receiveResponse(packet)
      case MESSAGE_COOKIE_REPLY:
        return this.#handshakes.receiveCookieReply(packet)
      default:
        return 'bad-type'
    }
  }

  /** Takes a packet for a peer. `PASS`: it is a datagram for the wire now. */
  send(packet: PeerPacket): Verdict {
    const peer = packet.peer as PeerState
    if (this.#peers.get(peer.id) !== peer) return 'peer-removed'
    return this.#transport.send(packet, peer)
  }

  /** Does what is due. */
  tick(): void {
    this.#timers.run()
  }

  addPeer(parsed: ParsedPeer): void {
    const { publicKey, id } = parsed
    if (this.#peers.has(id)) throw new ConfigurationError(`peer ${id}: there already`)
    if (this.#peers.size >= MAX_PEERS) throw new ConfigurationError(`peer ${id}: no more than ${MAX_PEERS} peers`)
    if (Buffer.compare(publicKey, this.#state.local.publicKey) === 0) {
      throw new ConfigurationError(`peer ${id}: that is this device's own public key`)
    }
    const peer = new PeerState(publicKey, id, parsed.name ?? shortName(id), (keypair) => {
      keypair.wipe()
      this.#state.indices.free(keypair.localIndex)
    })
    peer.staticShared = this.#state.crypto.sharedSecret(this.#state.local.privateKey, publicKey)
    this.#peers.set(id, peer)
    this.#configure(peer, parsed)
  }

  /** Changes what `parsed` names and leaves the rest. */
  updatePeer(id: string, parsed: Partial<ParsedPeer>): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) throw new ConfigurationError(`peer ${id}: not known`)
    this.#configure(peer, parsed)
  }

  /** Ends its sessions at once, wipes its keys, drops what waits for it. */
  removePeer(id: string): boolean {
    const peer = this.#peers.get(id)
    if (peer === undefined) return false
    peer.removed = true
    this.#peers.delete(id)
    this.#allowedIps.removeAll(peer)
    this.#transport.dropStaged(peer, 'peer-removed')
    this.#forgetKeys(peer)
    peer.timers.clear()
    peer.presharedKey.fill(0)
    peer.staticShared?.fill(0)
    return true
  }

  /** Takes other sources of randomness and primitives from now on. */
  use(random: Random, crypto: CryptoProvider): void {
    this.#state.random = random
    this.#state.crypto = crypto
  }

  /** Arms what has to run from the beginning: persistent keepalives, which bring sessions up. */
  open(): void {
    for (const peer of this.#peers.values()) {
      if (peer.timers.persistentKeepaliveInterval === 0) continue
      peer.timers.persistentKeepalive = this.#state.now
      this.#state.schedule(peer)
    }
  }

  /** Ends and wipes all sessions and drops what waits. The peers stay, for another `open`, which may begin handshakes at once. */
  close(): void {
    for (const peer of this.#peers.values()) {
      this.#transport.dropStaged(peer, 'device-closed')
      this.#forgetKeys(peer)
      peer.timers.clear()
      peer.lastSentHandshakeAt = Number.NEGATIVE_INFINITY
    }
  }

  #configure(peer: PeerState, parsed: Partial<ParsedPeer>): void {
    if (parsed.name !== undefined) peer.name = parsed.name
    if (parsed.presharedKey !== undefined) peer.presharedKey = parsed.presharedKey.slice()
    if (parsed.endpoint !== undefined) peer.endpoint = parsed.endpoint
    if (parsed.allowedIps !== undefined) {
      this.#allowedIps.removeAll(peer)
      for (const prefix of parsed.allowedIps) this.#allowedIps.insert(prefix, peer)
    }
    if (parsed.persistentKeepalive !== undefined) this.#setPersistentKeepalive(peer, parsed.persistentKeepalive * 1000)
  }

  /** To turn it on sends one at once, as in the kernel. */
  #setPersistentKeepalive(peer: PeerState, interval: number): void {
    const wasOff = peer.timers.persistentKeepaliveInterval === 0
    peer.timers.persistentKeepaliveInterval = interval
    if (interval === 0) peer.timers.persistentKeepalive = Number.POSITIVE_INFINITY
    else if (wasOff) {
      peer.timers.persistentKeepalive = this.#state.now
      this.#state.schedule(peer)
    }
  }

  #forgetKeys(peer: PeerState): void {
    this.#handshakes.forgetPending(peer)
    peer.keypairs.clear()
    peer.isUp = false
  }
}

function shortName(id: string): string {
  return `${id.slice(0, 8)}…`
}
