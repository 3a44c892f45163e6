import { updateChecksum16, updateChecksum32 } from '@millrace/core'
import { DCCP, ICMP, TCP, UDP, UDP_LITE } from './protocols.ts'

/** Which end of a packet is rewritten. */
export type Side = 'source' | 'destination'

/**
 * Gives one end of an IPv4 packet another address and port (of an ICMP echo: identifier), with all checksums updated
 * (RFC 1624). `ip` and `transport` are where the headers begin, `end` is where the packet ends: one that is quoted in an
 * ICMP error may end before its checksum, which is then left out. The first 8 bytes of the transport must be there.
 * Other protocols than TCP, UDP and ICMP get the address alone. `segmented` is for super-packets, whose checksum stands
 * for nothing, not even a UDP checksum of 0.
 */
export function rewriteEnd(
  view: DataView,
  ip: number,
  transport: number,
  end: number,
  side: Side,
  address: number,
  port: number,
  segmented = false,
): void {
  const protocol = view.getUint8(ip + 9)
  const isPort = protocol === TCP || protocol === UDP
  if (!isPort && protocol !== ICMP) {
    rewriteAddressOnly(view, ip, transport, end, side, address)
    return
  }
  const oldAddress = rewriteAddress(view, ip, side, address)
  const portAt = transport + (isPort ? (side === 'source' ? 0 : 2) : 4)
  const oldPort = view.getUint16(portAt)
  view.setUint16(portAt, port)
  const checksumAt = transport + (protocol === TCP ? 16 : protocol === UDP ? 6 : 2)
  if (checksumAt + 2 > end) return
  const old = view.getUint16(checksumAt)
  // UDP without a checksum stays without one (RFC 768).
  if (protocol === UDP && old === 0 && !segmented) return
  let checksum = updateChecksum16(old, oldPort, port)
  if (isPort) checksum = updateChecksum32(checksum, oldAddress, address)
  view.setUint16(checksumAt, protocol === UDP && checksum === 0 ? 0xffff : checksum)
}

/**
 * Gives one end another address and leaves all else, but for transport checksums that cover it (RFC 768, RFC 9293,
 * RFC 3828, RFC 4340). `transport` is 0 where there is no transport header: in a fragment that is not the first.
 */
export function rewriteAddressOnly(
  view: DataView,
  ip: number,
  transport: number,
  end: number,
  side: Side,
  address: number,
): void {
  const before = rewriteAddress(view, ip, side, address)
  const protocol = view.getUint8(ip + 9)
  let at = 0
  if (protocol === TCP) at = 16
  else if (protocol === UDP || protocol === UDP_LITE || protocol === DCCP) at = 6
  if (at === 0 || transport === 0 || transport + at + 2 > end) return
  const old = view.getUint16(transport + at)
  if (protocol === UDP && old === 0) return
  const checksum = updateChecksum32(old, before, address)
  view.setUint16(transport + at, protocol === UDP && checksum === 0 ? 0xffff : checksum)
}

/** Changes the source or destination address and the header checksum; returns the address before. */
export function rewriteAddress(view: DataView, ip: number, side: Side, address: number): number {
  const at = ip + (side === 'source' ? 12 : 16)
  const before = view.getUint32(at)
  view.setUint32(at, address)
  view.setUint16(ip + 10, updateChecksum32(view.getUint16(ip + 10), before, address))
  return before
}

/** Gives an IPv4 packet another identification. */
export function rewriteId(view: DataView, ip: number, id: number): void {
  const before = view.getUint16(ip + 4)
  view.setUint16(ip + 4, id)
  view.setUint16(ip + 10, updateChecksum16(view.getUint16(ip + 10), before, id))
}

/** One hop less, and the header checksum. */
export function decrementTtl(view: DataView, ip: number): void {
  const word = view.getUint16(ip + 8)
  view.setUint16(ip + 8, word - 0x100)
  view.setUint16(ip + 10, updateChecksum16(view.getUint16(ip + 10), word, word - 0x100))
}
