import { foldSum } from '@millrace/core'
import { DCCP, ICMP, TCP, UDP, UDP_LITE } from './protocols.ts'

// Whatever writes a field returns by how much that changes the sum which a checksum is the complement of (RFC 1624
// eqn 3), so that all that happens to a header costs one update of its checksum.

/** Which end of a packet is rewritten, as where its address is in the IP header. */
export type Side = typeof SOURCE | typeof DESTINATION
export const SOURCE = 12
export const DESTINATION = 16

/** Where it is in the IP header. */
const IP_CHECKSUM = 10

/**
 * Gives one end of an IPv4 packet another address and port (of an ICMP echo: identifier), with all checksums updated.
 * `ip` and `transport` are where the headers begin, `end` is where the packet ends: one that is quoted in an ICMP error
 * may end before its checksum, which is then left out. The first 8 bytes of the transport must be there. Other protocols
 * than TCP, UDP and ICMP get the address alone. `segmented` is for super-packets, whose checksum stands for nothing, not
 * even a UDP checksum of 0. `change` is what else has changed in the IP header.
 */
export function rewriteEnd(
  view: DataView,
  ip: number,
  transport: number,
  end: number,
  side: Side,
  address: number,
  port: number,
  segmented: boolean,
  change: number,
): void {
  const protocol = view.getUint8(ip + 9)
  if (protocol !== TCP && protocol !== UDP && protocol !== ICMP) {
    rewriteAddressOnly(view, ip, transport, end, side, address, change)
    return
  }
  const ofAddress = setAddress(view, ip, side, address)
  updateChecksum(view, ip + IP_CHECKSUM, ofAddress + change)
  const isIcmp = protocol === ICMP
  const ofPort = setWord(view, transport + (isIcmp ? 4 : side === SOURCE ? 0 : 2), port)
  const checksum = transport + (isIcmp ? 2 : checksumAt(protocol))
  // UDP without a checksum stays without one (RFC 768).
  if (checksum + 2 > end || (protocol === UDP && !segmented && view.getUint16(checksum) === 0)) return
  updateChecksum(view, checksum, isIcmp ? ofPort : ofAddress + ofPort, protocol === UDP)
}

/**
 * Gives one end another address and leaves all else, but for transport checksums that cover it (RFC 768, RFC 9293,
 * RFC 3828, RFC 4340). `transport` is 0 where there is no transport header: in a fragment that is not the first. `change`
 * is what else has changed in the IP header.
 */
export function rewriteAddressOnly(
  view: DataView,
  ip: number,
  transport: number,
  end: number,
  side: Side,
  address: number,
  change: number,
): void {
  const ofAddress = setAddress(view, ip, side, address)
  updateChecksum(view, ip + IP_CHECKSUM, ofAddress + change)
  const protocol = view.getUint8(ip + 9)
  const at = checksumAt(protocol)
  if (at === 0 || transport === 0 || transport + at + 2 > end) return
  if (protocol === UDP && view.getUint16(transport + at) === 0) return
  updateChecksum(view, transport + at, ofAddress, protocol === UDP)
}

/** Of transport headers whose checksum covers the addresses; 0 in the others. */
function checksumAt(protocol: number): number {
  if (protocol === TCP) return 16
  return protocol === UDP || protocol === UDP_LITE || protocol === DCCP ? 6 : 0
}

/** Of the IP header. */
export function setAddress(view: DataView, ip: number, side: Side, address: number): number {
  const from = view.getInt32(ip + side)
  view.setInt32(ip + side, address)
  return (~from >>> 16) + (~from & 0xffff) + (address >>> 16) + (address & 0xffff)
}

/** The identification of the IP header. */
export function setId(view: DataView, ip: number, id: number): number {
  return setWord(view, ip + 4, id)
}

/** One hop less in the IP header. */
export function takeHop(view: DataView, ip: number): number {
  const word = view.getUint16(ip + 8)
  return setWord(view, ip + 8, word - 0x100)
}

/** Makes the checksum of an IP header right again after the change. */
export function updateHeaderChecksum(view: DataView, ip: number, change: number): void {
  updateChecksum(view, ip + IP_CHECKSUM, change)
}

function setWord(view: DataView, at: number, word: number): number {
  const from = view.getUint16(at)
  view.setUint16(at, word)
  return (~from & 0xffff) + word
}

/** `neverZero` where that would mean that there is none (RFC 768). */
function updateChecksum(view: DataView, at: number, change: number, neverZero = false): void {
  const checksum = ~foldSum((~view.getUint16(at) & 0xffff) + change) & 0xffff
  // Chosen first: behind a branch among the arguments V8 no longer knows what `view` is, and calls out, at 30 ns.
  const written = neverZero && checksum === 0 ? 0xffff : checksum
  view.setUint16(at, written)
}
