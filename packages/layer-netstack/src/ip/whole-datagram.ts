import { asIpPacket, checksum, type IpPacket, type PacketPool, type PooledPacket, parseIp } from '@millrace/core'
import type { Fragment } from './fragment.ts'
import type { PartialDatagram } from './partial-datagram.ts'

/** The datagram, all of which has come with `last`, as a packet of the caller's, or why it cannot be one. */
export function assemble(datagram: PartialDatagram, last: IpPacket, pool: PacketPool): IpPacket | string {
  const first = datagram.first as Uint8Array
  const { header, size, nextHeader, nextHeaderAt } = datagram
  const length = header + size
  if (length > 65_535) return 'fragment-too-large'
  const packet = pool.acquire(length)
  if (packet === undefined) return 'pool-empty'
  const { memory, view, offset } = packet
  memory.set(first.subarray(0, header), offset)
  datagram.copyPayload(memory, offset + header)
  packet.length = length
  if (last.version === 4) {
    view.setUint16(offset + 2, length)
    view.setUint16(offset + 6, 0)
    view.setUint16(offset + 10, 0)
    view.setUint16(offset + 10, checksum(view, offset, header))
  } else {
    view.setUint16(offset + 4, length - 40)
    view.setUint8(offset + nextHeaderAt, nextHeader)
  }
  packet.direction = last.direction
  packet.peer = last.peer
  packet.arrival = last.arrival
  const reason = parseWhole(packet)
  if (reason === undefined) return asIpPacket(packet)
  packet.release()
  return reason
}

/** Takes the fragment header out of a packet that is its only fragment. */
export function unwrap(packet: IpPacket, { header, nextHeader, nextHeaderAt }: Fragment): IpPacket | string {
  const { memory, view, offset } = packet
  view.setUint8(nextHeaderAt, nextHeader)
  memory.copyWithin(offset + 8, offset, offset + header)
  packet.offset += 8
  packet.length -= 8
  view.setUint16(packet.offset + 4, packet.length - 40)
  const reason = parseWhole(packet)
  if (reason !== undefined) return reason
  // Held once more, so that whoever is given a whole datagram releases it, wherever it comes from.
  packet.retain()
  return packet
}

function parseWhole(packet: IpPacket | PooledPacket): string | undefined {
  return parseIp(packet) ?? (packet.isFragment ? 'fragment-nested' : undefined)
}
