import { asDatagram, type Datagram, type Packet, type PeerPacket, type Segmenter } from '@millrace/core'
import { SEAL_HEADROOM, TAG_LENGTH } from '../crypto/crypto.ts'
import { PADDING_MULTIPLE } from '../proto/constants.ts'
import { KEEPALIVE_LENGTH, TRANSPORT_HEADER_LENGTH } from '../proto/messages.ts'
import { outerTrafficClass } from './ecn.ts'
import type { HandOver } from './hand-over.ts'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'
import { sealMessage } from './seal-message.ts'
import type { DeviceState } from './state.ts'
import type { Timers } from './timers.ts'
import { CONSUMED, type Verdict } from './verdict.ts'

/** What one UDP send takes (UDP_SEGMENT): datagrams, and bytes of payload that both IPv4 and IPv6 can carry. */
const MAX_DATAGRAMS = 64
const MAX_BYTES = 65_487

/** Makes transport messages (paper §5.4.6) of packets: one in place, or those that a super-packet stands for. */
export class Sealer {
  readonly #state: DeviceState
  readonly #timers: Timers
  readonly #initiate: (peer: PeerState) => void

  constructor(state: DeviceState, timers: Timers, initiate: (peer: PeerState) => void) {
    this.#state = state
    this.#timers = timers
    this.#initiate = initiate
  }

  /** Seals a packet that {@link hasRoom}, with the next counter of a keypair that is not spent. */
  seal(packet: PeerPacket, peer: PeerState, keypair: Keypair): Datagram {
    const { offset, length } = packet
    const trafficClass = outerTrafficClass(packet)
    const header = offset - TRANSPORT_HEADER_LENGTH
    const { sendCounterHigh, sendCounterLow } = keypair
    keypair.reserve(1)
    const padded = this.#pad(packet.memory, offset, length)
    const { sendKey, remoteIndex } = keypair
    sealMessage(sendKey, packet.memory, packet.view, header, padded, remoteIndex, sendCounterHigh, sendCounterLow)
    packet.offset = header
    packet.length = padded + KEEPALIVE_LENGTH
    return this.#addressed(packet, peer, keypair, trafficClass, length > 0)
  }

  /**
   * As {@link seal}, but has it done by another thread, which takes the packet over.
   */
  hand(packet: PeerPacket, peer: PeerState, keypair: Keypair, handOver: HandOver): void {
    const { offset, length } = packet
    const trafficClass = outerTrafficClass(packet)
    const { sendCounterHigh, sendCounterLow } = keypair
    keypair.reserve(1)
    packet.offset = offset - TRANSPORT_HEADER_LENGTH
    packet.length = this.#pad(packet.memory, offset, length) + KEEPALIVE_LENGTH
    const datagram = this.#addressed(packet, peer, keypair, trafficClass, length > 0)
    handOver.seal(datagram, keypair, datagram.length, sendCounterHigh, sendCounterLow)
  }

  /** Cuts a super-packet and seals its segments into packets of our own, as many datagrams in each as one send takes. */
  sealSegments(packet: PeerPacket, peer: PeerState, keypair: Keypair): Verdict {
    const { segmenter, output, handOver } = this.#state
    const malformed = segmenter?.begin(packet)
    if (segmenter === undefined || malformed !== undefined) return malformed ?? 'super-packet-unsupported'
    const { count } = segmenter
    const trafficClass = outerTrafficClass(packet)
    const stride = KEEPALIVE_LENGTH + this.#paddedLength(segmenter.lengthOf(0))
    const perPacket = Math.min(MAX_DATAGRAMS, Math.max(Math.floor(MAX_BYTES / stride), 1))
    for (let first = 0; first < count; first += perPacket) {
      const wanted = Math.min(perPacket, count - first)
      const datagrams = handOver?.hasRoom === false ? undefined : output.acquire(wanted * stride)
      if (datagrams === undefined) {
        output.drop(handOver?.hasRoom === false ? 'worker-queue-full' : 'pool-empty', count - first)
        return CONSUMED
      }
      const { sendCounterHigh, sendCounterLow } = keypair
      const taken = keypair.reserve(wanted)
      this.#writeRun(segmenter, datagrams, first, taken, stride, keypair, sendCounterHigh, sendCounterLow)
      datagrams.segmentSize = taken > 1 ? stride : 0
      if (taken > 0) {
        const datagram = this.#addressed(datagrams, peer, keypair, trafficClass, true)
        if (handOver === undefined) output.transmitPacket(datagram)
        else handOver.seal(datagram, keypair, stride, sendCounterHigh, sendCounterLow)
      } else datagrams.release()
      if (taken < wanted) {
        output.drop('session-spent', count - first - taken)
        return CONSUMED
      }
    }
    return CONSUMED
  }

  /** Header before, padding and tag behind, and what sealing needs for itself. */
  hasRoom(packet: Packet): boolean {
    return packet.headroom >= SEAL_HEADROOM && packet.tailroom >= PADDING_MULTIPLE + TAG_LENGTH
  }

  /**
   * Writes `count` segments from `first` on, one behind the other, and seals them unless another thread is to. The last goes
   * first: sealing needs room before the plaintext for itself, which is where the segment before will be.
   */
  #writeRun(
    segmenter: Segmenter,
    into: Packet,
    first: number,
    count: number,
    stride: number,
    keypair: Keypair,
    counterHigh: number,
    counterLow: number,
  ): void {
    const handsOver = this.#state.handOver !== undefined
    into.length = 0
    for (let i = count - 1; i >= 0; i--) {
      const at = into.offset + i * stride
      const plaintext = at + TRANSPORT_HEADER_LENGTH
      const padded = this.#pad(into.memory, plaintext, segmenter.write(first + i, plaintext))
      if (i === count - 1) into.length = i * stride + padded + KEEPALIVE_LENGTH
      if (handsOver) continue
      const low = (counterLow + i) >>> 0
      const high = low < counterLow ? (counterHigh + 1) >>> 0 : counterHigh
      sealMessage(keypair.sendKey, into.memory, into.view, at, padded, keypair.remoteIndex, high, low)
    }
  }

  /** Writes zeros behind the content. Returns its length with them. */
  #pad(memory: Uint8Array, plaintext: number, length: number): number {
    const padded = this.#paddedLength(length)
    for (let i = plaintext + length; i < plaintext + padded; i++) memory[i] = 0
    return padded
  }

  #addressed(packet: Packet, peer: PeerState, keypair: Keypair, trafficClass: number, isData: boolean): Datagram {
    const datagram = asDatagram(packet)
    datagram.remote = peer.endpoint as Datagram['remote']
    datagram.local = peer.source
    datagram.trafficClass = trafficClass
    peer.sentBytes += datagram.length
    if (isData) this.#timers.dataSent(peer)
    this.#timers.authenticatedSent(peer)
    if (keypair.wantsRekeyAfterSending(this.#state.now)) this.#initiate(peer)
    return datagram
  }

  /** To a multiple of 16, but never past the MTU (kernel calculate_skb_padding). */
  #paddedLength(length: number): number {
    const { mtu } = this.#state
    const whole = length > mtu ? length % mtu : length
    const padded = Math.min(Math.ceil(whole / PADDING_MULTIPLE) * PADDING_MULTIPLE, mtu)
    return length - whole + padded
  }
}
