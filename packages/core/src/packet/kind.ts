import type { Datagram, IpPacket, Packet, PeerPacket } from './packet.ts'
import type { PooledPacket } from './pooled-packet.ts'

// The only places where a packet changes its kind. Each is called by the layer that has just made it true.

/** A packet whose bytes are a UDP payload now. */
export function asDatagram(packet: Packet): Datagram {
  ;(packet as PooledPacket).kind = 'datagram'
  return packet as Datagram
}

/** A packet whose bytes are what its `peer` sent or is sent. */
export function asPeerPacket(packet: Packet): PeerPacket {
  ;(packet as PooledPacket).kind = 'peer'
  return packet as PeerPacket
}

/** A packet that {@link parseIp} has accepted. */
export function asIpPacket(packet: Packet): IpPacket {
  ;(packet as PooledPacket).kind = 'ip'
  return packet as IpPacket
}
