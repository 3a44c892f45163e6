import { updateChecksum16, updateChecksum32 } from '@millrace/core'
import { TCP, UDP } from './protocols.ts'

/** Which end of a packet is rewritten. */
export type Side = 'source' | 'destination'

/**
 * Gives one end of an IPv4 packet another address and port (of an ICMP echo: identifier), with all checksums updated
 * (RFC 1624). `ip` and `transport` are where the headers begin, `end` is where the packet ends: one that is quoted in an
 * ICMP error may end before its checksum, which is then left out. The first 8 bytes of the transport must be there.
 */
export function rewriteEnd(
  view: DataView,
  ip: number,
  transport: number,
  end: number,
  side: Side,
  address: number,
  port: number,
): void {
  const protocol = view.getUint8(ip + 9)
  const oldAddress = rewriteAddress(view, ip, side, address)
  const isPort = protocol === TCP || protocol === UDP
  const portAt = transport + (isPort ? (side === 'source' ? 0 : 2) : 4)
  const oldPort = view.getUint16(portAt)
  view.setUint16(portAt, port)
  const checksumAt = transport + (protocol === TCP ? 16 : protocol === UDP ? 6 : 2)
  if (checksumAt + 2 > end) return
  const old = view.getUint16(checksumAt)
  // UDP without a checksum stays without one (RFC 768).
  if (protocol === UDP && old === 0) return
  let checksum = updateChecksum16(old, oldPort, port)
  if (isPort) checksum = updateChecksum32(checksum, oldAddress, address)
  view.setUint16(checksumAt, protocol === UDP && checksum === 0 ? 0xffff : checksum)
}

/** Changes the source or destination address and the header checksum; returns the address before. */
export function rewriteAddress(view: DataView, ip: number, side: Side, address: number): number {
  const at = ip + (side === 'source' ? 12 : 16)
  const before = view.getUint32(at)
  view.setUint32(at, address)
  view.setUint16(ip + 10, updateChecksum32(view.getUint16(ip + 10), before, address))
  return before
}

/** One hop less, and the header checksum. */
export function decrementTtl(view: DataView, ip: number): void {
  const word = view.getUint16(ip + 8)
  view.setUint16(ip + 8, word - 0x100)
  view.setUint16(ip + 10, updateChecksum16(view.getUint16(ip + 10), word, word - 0x100))
}
