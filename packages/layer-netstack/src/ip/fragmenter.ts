import { asIpPacket, checksum, type IpPacket, type PooledPacket, parseIp, type Random } from '@millrace/core'
import { Identifications } from './identifications.ts'
import type { Outbox } from './outbox.ts'

const FRAGMENT = 44
const MORE_4 = 0x2000
const MORE_6 = 1

/** Puts packets into an outbox, those larger than the MTU as fragments (RFC 791 §2.3, RFC 8200 §4.5). */
export class Fragmenter {
  readonly #outbox: Outbox
  readonly #random: Random
  readonly #identifications: Identifications
  readonly #fragments: PooledPacket[] = []

  constructor(outbox: Outbox, random: Random) {
    this.#outbox = outbox
    this.#random = random
    this.#identifications = new Identifications(random)
  }

  /**
   * Takes `packet` over, of which only the length of its segments counts if it is a super-packet. It has neither options
   * nor extension headers; where it is cut its DF goes. `mtu` in bytes, at least 68 for IPv4 and 1,280 for IPv6. Returns
   * why it was not sent, or undefined: all fragments go out or none.
   */
  push(packet: IpPacket, mtu: number): string | undefined {
    const { segmentSize, segmentHeader, length } = packet
    if ((segmentSize > 0 ? segmentHeader + segmentSize : length) <= mtu) {
      this.#outbox.push(packet)
      return undefined
    }
    const reason = segmentSize > 0 ? 'packet-too-big' : this.#cut(packet, mtu)
    packet.release()
    return reason
  }

  #cut(packet: IpPacket, mtu: number): string | undefined {
    const { version } = packet
    const header = version === 4 ? 20 : 40
    if (packet.isFragment || packet.transport !== packet.offset + header) return 'packet-too-big'
    const room = mtu - (version === 4 ? 20 : 48)
    const step = room - (room % 8)
    const payload = packet.length - header
    const count = Math.ceil(payload / step)
    for (let i = 0; i < count; i++) {
      const fragment = this.#outbox.acquire(mtu)
      if (fragment === undefined) return this.#giveUp()
      this.#fragments.push(fragment)
    }
    const id = version === 4 ? this.#identifications.next() : this.#random.uint32()
    for (let i = 0; i < count; i++) {
      const fragment = this.#fragments[i] as PooledPacket
      const from = i * step
      const length = Math.min(step, payload - from)
      if (version === 4) write4(fragment, packet, from, length, id, i < count - 1)
      else write6(fragment, packet, from, length, id, i < count - 1)
      parseIp(fragment)
      fragment.direction = packet.direction
      fragment.peer = packet.peer
      fragment.arrival = packet.arrival
      this.#outbox.push(asIpPacket(fragment))
    }
    this.#fragments.length = 0
    return undefined
  }

  #giveUp(): string {
    for (const fragment of this.#fragments) fragment.release()
    this.#fragments.length = 0
    return 'pool-empty'
  }
}

function write4(to: PooledPacket, packet: IpPacket, from: number, length: number, id: number, more: boolean): void {
  const { view, offset } = to
  const flag = more ? MORE_4 : 0
  to.length = 20 + length
  copy(to, offset, packet, packet.offset, 20)
  copy(to, offset + 20, packet, packet.offset + 20 + from, length)
  view.setUint16(offset + 2, to.length)
  view.setUint16(offset + 4, id)
  view.setUint16(offset + 6, flag | (from >>> 3))
  view.setUint16(offset + 10, 0)
  view.setUint16(offset + 10, checksum(view, offset, 20))
}

function write6(to: PooledPacket, packet: IpPacket, from: number, length: number, id: number, more: boolean): void {
  const { view, offset } = to
  const flag = more ? MORE_6 : 0
  to.length = 48 + length
  copy(to, offset, packet, packet.offset, 40)
  copy(to, offset + 48, packet, packet.offset + 40 + from, length)
  view.setUint16(offset + 4, 8 + length)
  view.setUint8(offset + 6, FRAGMENT)
  view.setUint16(offset + 40, packet.protocol << 8)
  view.setUint16(offset + 42, from | flag)
  view.setUint32(offset + 44, id)
}

function copy(to: PooledPacket, at: number, from: IpPacket, start: number, length: number): void {
  if (to.memory === from.memory) to.memory.copyWithin(at, start, start + length)
  else to.memory.set(from.memory.subarray(start, start + length), at)
}
