import {
  ALONE,
  asDatagram,
  asPeerPacket,
  type Batch,
  Burst,
  type Datagram,
  type HostSuperPackets,
  JOINED,
  Joiner,
  MAXIMUM_PACKET,
  type Packet,
  type PacketPool,
  type PeerPacket,
  type Service,
} from '@millrace/core'
import type { Device } from './device/device.ts'
import type { Keypair } from './device/keypair.ts'
import type { PeerState } from './device/peer.ts'
import { CONSUMED, PASS, type Verdict } from './device/verdict.ts'
import { MESSAGE_TRANSPORT, NOT_AUTHENTIC } from './proto/messages.ts'

/**
 * Opens a batch from the wire and gathers what goes up: each datagram of a train by itself, and what was inside joined
 * again to super-packets where the host takes them.
 */
export class Opener {
  readonly #pool: PacketPool
  readonly #device: Device
  readonly #host: HostSuperPackets | undefined
  readonly #joiner: Joiner
  readonly #burst: Burst<PeerPacket>
  #joins = false

  constructor(pool: PacketPool, device: Device, host: HostSuperPackets | undefined) {
    this.#pool = pool
    this.#device = device
    this.#host = host
    this.#joiner = new Joiner(pool.sums)
    this.#burst = new Burst(pool)
  }

  open(batch: Batch<Datagram>): void {
    // A packet that comes alone has nothing to be joined with: it is spared the look.
    this.begin(batch.length > 1 || batch.at(0).segmentSize !== 0)
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      if (packet.segmentSize === 0) this.#openOne(batch, packet)
      else this.#openTrain(batch, packet)
    }
    this.finish()
  }

  /** Before anything is opened or taken. */
  begin(joins: boolean): void {
    const joiner = this.#joiner
    joiner.tcp = this.#host?.tcp ?? false
    joiner.udp = this.#host?.udp ?? false
    this.#joins = (joiner.tcp || joiner.udp) && joins
  }

  /** After everything has been: what is held to be joined is whole. */
  finish(): void {
    if (this.#joins) this.#joiner.finish()
  }

  /**
   * Takes over a packet whose messages, `stride` bytes each but for the last, have been opened by another thread. `drop`
   * counts what is not authentic after all.
   */
  take(packet: Datagram, peer: PeerState, keypair: Keypair, stride: number, drop: (reason: string) => void): void {
    const { offset, length } = packet
    packet.segmentSize = 0
    for (let at = 0; at < length; at += stride) {
      packet.offset = offset + at
      packet.length = Math.min(stride, length - at)
      asDatagram(packet)
      const isForged = packet.memory[packet.offset] === NOT_AUTHENTIC
      const verdict = isForged ? 'not-authentic' : this.#device.accept(packet, peer, keypair)
      if (verdict !== PASS) {
        if (verdict !== CONSUMED) drop(verdict)
      } else if (!this.#join(asPeerPacket(packet))) {
        if (stride >= length) {
          this.#burst.push(packet as Packet as PeerPacket)
          return
        }
        const copy = this.#pool.copy(packet as Packet as PeerPacket)
        if (copy === undefined) drop('pool-empty')
        else this.#burst.push(copy)
      }
    }
    packet.release()
  }

  /** What was opened. The packets of the batch that are among it are still their owner's. */
  serve(inner: Service<PeerPacket>): void {
    this.#burst.serve(inner)
  }

  #openOne(batch: Batch<Datagram>, packet: Datagram): void {
    const verdict = this.#device.receive(packet)
    if (verdict !== PASS) dropUnless(verdict, batch, packet)
    else if (!this.#join(asPeerPacket(packet))) this.#burst.lend(asPeerPacket(packet))
  }

  /** The packet stands for each of its datagrams in turn, and is as it was in the end. */
  #openTrain(batch: Batch<Datagram>, packet: Datagram): void {
    const handedOver = this.#device.receiveTrain(packet)
    if (handedOver !== PASS) {
      dropUnless(handedOver, batch, packet)
      return
    }
    const { offset, length, segmentSize } = packet
    packet.segmentSize = 0
    for (let at = 0; at < length; at += segmentSize) {
      packet.offset = offset + at
      packet.length = Math.min(segmentSize, length - at)
      this.#openPart(batch, packet)
      asDatagram(packet)
    }
    packet.offset = offset
    packet.length = length
    packet.segmentSize = segmentSize
  }

  #openPart(batch: Batch<Datagram>, part: Datagram): void {
    // What is kept must be a packet of its own: a handshake message may be, and whatever is handed over.
    if (part.memory[part.offset] !== MESSAGE_TRANSPORT || this.#device.handsOver) {
      const copy = this.#pool.copy(part)
      if (copy === undefined) batch.drop(part, 'pool-empty')
      else {
        const verdict = this.#device.receive(copy)
        if (verdict === PASS && !this.#join(asPeerPacket(copy))) this.#burst.push(asPeerPacket(copy))
        else {
          dropUnless(verdict, batch, copy)
          copy.release()
        }
      }
      return
    }
    const verdict = this.#device.receive(part)
    if (verdict !== PASS) dropUnless(verdict, batch, part)
    else if (!this.#join(asPeerPacket(part))) {
      const copy = this.#pool.copy(asPeerPacket(part))
      if (copy === undefined) batch.drop(part, 'pool-empty')
      else this.#burst.push(copy)
    }
  }

  /** True if the packet has gone into one that goes up already. */
  #join(packet: PeerPacket): boolean {
    if (!this.#joins) return false
    const joined = this.#joiner.add(packet.peer, packet.offset, packet.length)
    if (joined === JOINED) return true
    if (joined === ALONE) return false
    const first = this.#pool.copy(packet, MAXIMUM_PACKET)
    if (first === undefined) return false
    this.#joiner.hold(first)
    this.#burst.push(first)
    return true
  }
}

function dropUnless(verdict: Verdict, batch: Batch<Datagram>, packet: Datagram): void {
  if (verdict !== CONSUMED && verdict !== PASS) batch.drop(packet, verdict)
}
