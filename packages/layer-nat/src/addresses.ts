import type { IpPacket } from '@millrace/core'

// IPv4 addresses as signed numbers: V8 keeps what fits into 31 bits and a sign in a register, and makes an object of any
// other number wherever a call is not inlined. With unsigned ones the NAT allocated 50 to 130 bytes a packet.

export function sourceOf(packet: IpPacket): number {
  return packet.view.getInt32(packet.offset + 12)
}

export function destinationOf(packet: IpPacket): number {
  return packet.view.getInt32(packet.offset + 16)
}
