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
  type PacketPool,
  type PeerPacket,
  type Service,
} from '@millrace/core'
import type { Device } from './device/device.ts'
import { CONSUMED, PASS, type Verdict } from './device/verdict.ts'
import { MESSAGE_TRANSPORT } from './proto/messages.ts'

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
    const joiner = this.#joiner
    joiner.tcp = this.#host?.tcp ?? false
    joiner.udp = this.#host?.udp ?? false
    // A packet that comes alone has nothing to be joined with: it is spared the look.
    this.#joins = (joiner.tcp || joiner.udp) && (batch.length > 1 || batch.at(0).segmentSize !== 0)
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      if (packet.segmentSize === 0) this.#openOne(batch, packet)
      else this.#openTrain(batch, packet)
    }
    if (this.#joins) joiner.finish()
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
    // A handshake message may be kept, and must then be a packet of its own.
    if (part.memory[part.offset] !== MESSAGE_TRANSPORT) {
      const copy = this.#pool.copy(part)
      if (copy === undefined) batch.drop(part, 'pool-empty')
      else {
        dropUnless(this.#device.receive(copy), batch, copy)
        copy.release()
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
