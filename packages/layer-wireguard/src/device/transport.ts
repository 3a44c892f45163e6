import { asPeerPacket, type Datagram, type PeerPacket } from '@millrace/core'
import { KEEPALIVE_TIMEOUT, MAX_STAGED_PACKETS, REJECT_AFTER_TIME, REKEY_TIMEOUT } from '../proto/constants.ts'
import { KEEPALIVE_LENGTH, MESSAGE_TRANSPORT, TRANSPORT_HEADER_LENGTH } from '../proto/messages.ts'
import { carryCongestion } from './ecn.ts'
import type { HandOver } from './hand-over.ts'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'
import { Sealer } from './sealer.ts'
import type { DeviceState } from './state.ts'
import type { Timers } from './timers.ts'
import { CONSUMED, PASS, type Verdict } from './verdict.ts'

/** Packets staged for all peers of a device, at most: waiting peers must not use up the packet memory. */
const MAX_STAGED_IN_ALL = 1024

/** Transport messages (paper §5.4.6), both ways, in place. */
export class Transport {
  readonly #state: DeviceState
  readonly #timers: Timers
  readonly #initiate: (peer: PeerState) => void
  readonly #copy: (packet: PeerPacket) => PeerPacket | undefined
  readonly #sealer: Sealer

  constructor(
    state: DeviceState,
    timers: Timers,
    initiate: (peer: PeerState) => void,
    copy: (packet: PeerPacket) => PeerPacket | undefined,
  ) {
    this.#state = state
    this.#timers = timers
    this.#initiate = initiate
    this.#copy = copy
    this.#sealer = new Sealer(state, timers, initiate)
  }

  /**
   * Seals a packet for the wire, in place; or keeps a copy until there is a session. A super-packet is `CONSUMED`: what it
   * stands for goes out by `transmitPacket`.
   */
  send(packet: PeerPacket, peer: PeerState): Verdict {
    if (this.#state.staticSharedOf(peer) === undefined) return this.#state.whyNoHandshake()
    if (peer.endpoint === undefined) return 'no-endpoint'
    const { current } = peer.keypairs
    if (peer.staged.length === 0 && current?.canSend(this.#state.now)) {
      if (packet.segmentSize !== 0) return this.#sealer.sealSegments(packet, peer, current)
      if (!this.#sealer.hasRoom(packet)) return 'no-headroom'
      const { handOver } = this.#state
      if (handOver === undefined || packet.memory !== handOver.memory) {
        this.#sealer.seal(packet, peer, current)
        return PASS
      }
      if (!handOver.hasRoom) return 'worker-queue-full'
      packet.retain()
      this.#sealer.hand(packet, peer, current, handOver)
      return CONSUMED
    }
    const reason = packet.segmentSize === 0 ? this.#stage(packet, peer) : this.#stageSegments(packet, peer)
    this.flushStaged(peer)
    return reason ?? CONSUMED
  }

  /** An empty message, unless others wait that do its work. Without a session a handshake does it, and takes no memory. */
  sendKeepalive(peer: PeerState): void {
    if (!peer.keypairs.current?.canSend(this.#state.now)) {
      this.#initiate(peer)
      return
    }
    if (peer.staged.length === 0) {
      const packet = this.#state.output.acquire(0)
      if (packet === undefined) {
        this.#state.output.drop('pool-empty', 1)
        return
      }
      peer.staged.push(asPeerPacket(packet))
      this.#state.stagedPackets++
    }
    this.flushStaged(peer)
  }

  /** Sends what is staged if there is a session, and asks for one if not. */
  flushStaged(peer: PeerState): void {
    if (peer.staged.length === 0) return
    const { current } = peer.keypairs
    if (!current?.canSend(this.#state.now)) {
      this.#initiate(peer)
      return
    }
    while (!current.isSpent()) {
      const packet = peer.staged.shift()
      if (packet === undefined) return
      this.#state.stagedPackets--
      this.#sendOwn(packet, peer, current)
    }
  }

  dropStaged(peer: PeerState, reason: string): void {
    const staged = peer.staged.splice(0)
    this.#state.stagedPackets -= staged.length
    if (staged.length > 0) this.#state.output.drop(reason, staged.length)
    for (const packet of staged) packet.release()
  }

  /** Opens a message in place. `PASS` means that `packet` is now what the peer sent. */
  receive(packet: Datagram): Verdict {
    const { view, offset, memory, length } = packet
    if (length < KEEPALIVE_LENGTH) return 'bad-length'
    const entry = this.#state.indices.get(view.getUint32(offset + 4, true))
    const keypair = entry?.keypair
    if (entry === undefined || keypair === undefined) return 'unknown-index'
    if (keypair.isTooOld(this.#state.now)) return 'session-expired'
    const { handOver } = this.#state
    if (memory === handOver?.memory) return this.#handOver(packet, entry.peer, keypair, length, handOver)
    const low = view.getUint32(offset + 8, true)
    const high = view.getUint32(offset + 12, true)
    const sealed = length - TRANSPORT_HEADER_LENGTH
    if (!keypair.receiveKey.open(high, low, memory, offset + TRANSPORT_HEADER_LENGTH, sealed)) return 'not-authentic'
    return this.accept(packet, entry.peer, keypair)
  }

  /** Hands over a train whose messages all belong to one session. `PASS`: it is to be taken apart here. */
  receiveTrain(packet: Datagram): Verdict {
    const { now, indices, handOver } = this.#state
    const { view, offset, memory, length, segmentSize } = packet
    if (handOver === undefined || memory !== handOver.memory || segmentSize < KEEPALIVE_LENGTH) return PASS
    const index = view.getUint32(offset + 4, true)
    const entry = indices.get(index)
    const keypair = entry?.keypair
    if (entry === undefined || keypair === undefined || keypair.isTooOld(now)) return PASS
    const end = offset + length
    if ((length % segmentSize || segmentSize) < KEEPALIVE_LENGTH) return PASS
    for (let at = offset; at < end; at += segmentSize) {
      if (view.getUint32(at, true) !== MESSAGE_TRANSPORT || view.getUint32(at + 4, true) !== index) return PASS
    }
    return this.#handOver(packet, entry.peer, keypair, segmentSize, handOver)
  }

  /** Takes a message that has been opened: it is authentic. `PASS` as of {@link receive}. */
  accept(packet: Datagram, peer: PeerState, keypair: Keypair): Verdict {
    const { view, offset } = packet
    // Only when it was opened by another thread, meanwhile.
    if (keypair.ended) return 'unknown-index'
    const low = view.getUint32(offset + 8, true)
    const high = view.getUint32(offset + 12, true)
    // Only what has authenticated may move the window (RFC 6479; kernel receive.c).
    if (!keypair.replay.accept(high, low)) return 'replayed'

    peer.receivedBytes += packet.length
    this.#state.setEndpoint(peer, packet)
    packet.offset += TRANSPORT_HEADER_LENGTH
    packet.length -= KEEPALIVE_LENGTH
    carryCongestion(asPeerPacket(packet), packet.trafficClass)
    packet.peer = peer
    const isData = packet.length > 0
    // Before anything is sent: what is sent now waits for an answer of its own.
    this.#timers.authenticatedReceived(peer)
    if (peer.keypairs.receivedWith(keypair)) {
      this.#timers.handshakeComplete(peer)
      this.#timers.sessionConfirmed(peer, keypair)
      this.flushStaged(peer)
    }
    this.#keepFreshAfterReceiving(peer)
    if (isData) this.#timers.dataReceived(peer)
    return isData ? PASS : CONSUMED
  }

  #handOver(packet: Datagram, peer: PeerState, keypair: Keypair, stride: number, handOver: HandOver): Verdict {
    if (!handOver.hasRoom) return 'worker-queue-full'
    packet.retain()
    handOver.open(packet, peer, keypair, stride)
    return CONSUMED
  }

  /** Seals a packet of our own, and sends it. */
  #sendOwn(packet: PeerPacket, peer: PeerState, keypair: Keypair): void {
    const { handOver, output } = this.#state
    if (handOver === undefined || packet.memory !== handOver.memory) {
      output.transmitPacket(this.#sealer.seal(packet, peer, keypair))
    } else if (handOver.hasRoom) this.#sealer.hand(packet, peer, keypair, handOver)
    else {
      output.drop('worker-queue-full', 1)
      packet.release()
    }
  }

  #stage(packet: PeerPacket, peer: PeerState): string | undefined {
    if (!this.#sealer.hasRoom(packet)) return 'no-headroom'
    const full = this.#makeRoom(peer)
    if (full !== undefined) return full
    const copy = this.#copy(packet)
    return copy === undefined ? 'pool-empty' : this.#keep(copy, peer)
  }

  /** Each segment waits by itself: large packets are few, and must not all wait for peers. */
  #stageSegments(packet: PeerPacket, peer: PeerState): string | undefined {
    const { segmenter, output } = this.#state
    const malformed = segmenter?.begin(packet)
    if (segmenter === undefined || malformed !== undefined) return malformed ?? 'super-packet-unsupported'
    for (let i = 0; i < segmenter.count; i++) {
      const reason = this.#makeRoom(peer)
      const segment = reason === undefined ? output.acquire(segmenter.lengthOf(i)) : undefined
      if (segment === undefined) {
        output.drop(reason ?? 'pool-empty', segmenter.count - i)
        return undefined
      }
      segment.length = segmenter.write(i, segment.offset)
      this.#keep(asPeerPacket(segment), peer)
    }
    return undefined
  }

  /** The oldest gives way, as in the kernel; but a device has a bound for all its peers together. */
  #makeRoom(peer: PeerState): string | undefined {
    if (peer.staged.length >= MAX_STAGED_PACKETS) {
      peer.staged.shift()?.release()
      this.#state.stagedPackets--
      this.#state.output.drop('staged-overflow', 1)
    }
    return this.#state.stagedPackets >= MAX_STAGED_IN_ALL ? 'staged-overflow' : undefined
  }

  #keep(packet: PeerPacket, peer: PeerState): undefined {
    peer.staged.push(packet)
    this.#state.stagedPackets++
  }

  /** The side that began the session begins the next in time, even if it only receives (paper §6.2), once per session. */
  #keepFreshAfterReceiving(peer: PeerState): void {
    const { current } = peer.keypairs
    if (peer.sentLastMinuteHandshake || !current?.isInitiator) return
    if (this.#state.now - current.createdAt <= REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT) return
    peer.sentLastMinuteHandshake = true
    this.#initiate(peer)
  }
}
