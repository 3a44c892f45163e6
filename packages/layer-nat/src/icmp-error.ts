import { checksum, type IpPacket } from '@millrace/core'
import type { Match } from './match.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import { DESTINATION, rewriteEnd, type Side, SOURCE, setAddress, updateHeaderChecksum } from './rewrite.ts'
import type { NatTable } from './table.ts'

const DESTINATION_UNREACHABLE = 3
const TIME_EXCEEDED = 11
const PARAMETER_PROBLEM = 12
const ECHO_REPLY = 0
const ECHO_REQUEST = 8

/** Errors that a NAT passes on. Redirect is for the link it is sent on, and source quench is no more (RFC 6633). */
export function isTranslatedError(type: number): boolean {
  return type === DESTINATION_UNREACHABLE || type === TIME_EXCEEDED || type === PARAMETER_PROBLEM
}

/**
 * Finds what an ICMP error is about, by the packet it quotes (RFC 5508 §4), and sets `table.lookups.match`. The outer
 * checksum must be right; the quoted transport checksum is not looked at, as the quote may be cut short. Returns why the
 * error goes no further, or undefined. Errors change no session and keep none alive (RFC 5508 REQ-6, RFC 7857 §4).
 */
export function matchError(packet: IpPacket, table: NatTable, up: boolean): string | undefined {
  const { view, offset, transport } = packet
  const end = offset + packet.length
  const ip = transport + 8
  if (ip + 20 > end) return 'icmp-error-truncated'
  const version = view.getUint8(ip)
  const quoted = ip + (version & 15) * 4
  if (version >> 4 !== 4 || quoted < ip + 20) return 'icmp-error-invalid'
  if (quoted + 8 > end) return 'icmp-error-truncated'
  if (checksum(view, transport, end - transport) !== 0) return 'icmp-checksum-invalid'
  // A fragment other than the first has no ports.
  if ((view.getUint16(ip + 6) & 0x1fff) !== 0) return 'icmp-error-no-session'
  const protocol = view.getUint8(ip + 9)
  const source = view.getInt32(ip + 12)
  const destination = view.getInt32(ip + 16)
  let sourcePort = 0
  let destinationPort = 0
  if (protocol === TCP || protocol === UDP) {
    sourcePort = view.getUint16(quoted)
    destinationPort = view.getUint16(quoted + 2)
  } else if (protocol === ICMP) {
    // Nobody is told of an error about an error. The identifier stands for the port of the end that is ours.
    if (view.getUint8(quoted) !== (up ? ECHO_REPLY : ECHO_REQUEST)) return 'icmp-error-no-session'
    if (up) destinationPort = view.getUint16(quoted + 4)
    else sourcePort = view.getUint16(quoted + 4)
  }
  // From the outside it is about what we sent, from the inside about what we delivered.
  const { lookups } = table
  const found = up
    ? lookups.findUp(protocol, destination, destinationPort, source, sourcePort) ||
      lookups.findAnswerUp(protocol, destination, destinationPort, source)
    : lookups.findDown(protocol, source, sourcePort, destination, destinationPort)
  if (!found) return 'icmp-error-no-session'
  const { session } = lookups.match
  if (session >= 0 && protocol === TCP && !table.timers.isInFlight(session, !up, view.getInt32(quoted + 4))) {
    return 'icmp-error-out-of-window'
  }
  return undefined
}

/**
 * Rewrites an ICMP error for the other side: the quoted packet back to what its sender had sent (but for an IPv4
 * identification of ours), the outer addresses, and the checksums. What follows the quote (RFC 4884 extensions) stays as
 * it is. `matchError` has found `match`, `change` is what else has changed in the outer IP header.
 */
export function rewriteError(packet: IpPacket, { address, port }: Match, up: boolean, change: number): void {
  const { view, offset, transport } = packet
  const end = offset + packet.length
  const ip = transport + 8
  const quoted = ip + (view.getUint8(ip) & 15) * 4
  const inner: Side = up ? DESTINATION : SOURCE
  rewriteEnd(view, ip, quoted, end, inner, address, port, false, 0)
  updateHeaderChecksum(view, offset, setAddress(view, offset, up ? SOURCE : DESTINATION, address) + change)
  // Summed anew: that it was right has just been checked, and so many words have changed that updating is no cheaper.
  view.setUint16(transport + 2, 0)
  view.setUint16(transport + 2, checksum(view, transport, end - transport))
}
