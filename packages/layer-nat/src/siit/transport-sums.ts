import { onesComplementSum, pseudoHeaderSum6, updateChecksum16 } from '@millrace/core'
import { DCCP, TCP, UDP, UDP_LITE } from '../protocols.ts'

export const ICMPV6 = 58
const ECHO_REPLY_4 = 0
const ECHO_REQUEST_4 = 8
const ECHO_REQUEST_6 = 128
const ECHO_REPLY_6 = 129

/** Where the checksum stands in the header of a transport that has the addresses in it; 0 for others. */
function checksumOffset(protocol: number): number {
  if (protocol === TCP) return 16
  return protocol === UDP || protocol === UDP_LITE || protocol === DCCP ? 6 : 0
}

/**
 * Updates the checksum of the transport at `transport`, if it is there before `end`, from addresses that sum up to `from`
 * to those that sum up to `to`. A UDP checksum of 0 stays.
 */
export function moveChecksum(
  view: DataView,
  transport: number,
  end: number,
  protocol: number,
  from: number,
  to: number,
): void {
  const offset = checksumOffset(protocol)
  if (offset === 0 || transport + offset + 2 > end) return
  const old = view.getUint16(transport + offset)
  if (protocol === UDP && old === 0) return
  const sum = updateChecksum16(old, from, to)
  const written = protocol === UDP && sum === 0 ? 0xffff : sum
  view.setUint16(transport + offset, written)
}

/**
 * What an ICMPv6 checksum has and an ICMP one has not, for `length` bytes of ICMPv6 behind the header at `ip`: of a
 * fragment, whose whole length is not known, only the addresses.
 */
export function icmpv6Sum(view: DataView, ip: number, isFragment: boolean, length: number): number {
  return isFragment ? onesComplementSum(view, ip + 8, 32) : pseudoHeaderSum6(view, ip, ICMPV6, length)
}

/** Makes an ICMPv6 echo one of ICMP, or false if it is none. `pseudo` is the sum that only ICMPv6 has in its checksum. */
export function echoToIpv4(view: DataView, transport: number, pseudo: number): boolean {
  const type = view.getUint8(transport)
  if (type !== ECHO_REQUEST_6 && type !== ECHO_REPLY_6) return false
  retype(view, transport, type === ECHO_REQUEST_6 ? ECHO_REQUEST_4 : ECHO_REPLY_4, pseudo, 0)
  return true
}

/** Makes an ICMP echo one of ICMPv6, or false if it is none. */
export function echoToIpv6(view: DataView, transport: number, pseudo: number): boolean {
  const type = view.getUint8(transport)
  if (type !== ECHO_REQUEST_4 && type !== ECHO_REPLY_4) return false
  retype(view, transport, type === ECHO_REQUEST_4 ? ECHO_REQUEST_6 : ECHO_REPLY_6, 0, pseudo)
  return true
}

function retype(view: DataView, transport: number, type: number, from: number, to: number): void {
  const before = view.getUint16(transport)
  view.setUint8(transport, type)
  const moved = updateChecksum16(view.getUint16(transport + 2), before, view.getUint16(transport))
  view.setUint16(transport + 2, updateChecksum16(moved, from, to))
}
