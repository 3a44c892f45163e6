import { checksum, type IpPacket } from '@millrace/core'
import { ICMP, TCP, UDP } from './protocols.ts'
import { rewriteAddress, rewriteEnd, type Side } from './rewrite.ts'
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
 * Finds the session that an ICMP error is about, by the packet it quotes (RFC 5508 §4). The outer checksum must be
 * right; the quoted transport checksum is not looked at, as the quote may be cut short. Returns the session, or why the
 * error goes no further. Errors change no session and keep none alive (RFC 5508 REQ-6, RFC 7857 §4).
 */
export function sessionOfError(packet: IpPacket, table: NatTable, up: boolean): number | string {
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
  const source = view.getUint32(ip + 12)
  const destination = view.getUint32(ip + 16)
  let sourcePort = 0
  let destinationPort = 0
  if (protocol === TCP || protocol === UDP) {
    sourcePort = view.getUint16(quoted)
    destinationPort = view.getUint16(quoted + 2)
  } else if (protocol === ICMP && view.getUint8(quoted) === (up ? ECHO_REPLY : ECHO_REQUEST)) {
    // The identifier stands for the port of the end that is ours.
    if (up) destinationPort = view.getUint16(quoted + 4)
    else sourcePort = view.getUint16(quoted + 4)
  } else return 'icmp-error-no-session'
  // From the outside it is about what we sent, from the inside about what we delivered.
  const session = up
    ? table.findInside(protocol, destination, destinationPort, source, sourcePort)
    : table.findOutside(protocol, source, sourcePort, destination, destinationPort)
  return session < 0 ? 'icmp-error-no-session' : session
}

/**
 * Rewrites an ICMP error for the other side: the quoted packet back to what its sender had sent, the outer addresses,
 * and the checksums. What follows the quote (RFC 4884 extensions) stays as it is. `sessionOfError` has found `session`.
 */
export function rewriteError(packet: IpPacket, table: NatTable, session: number, up: boolean): void {
  const { view, offset, transport } = packet
  const end = offset + packet.length
  const ip = transport + 8
  const quoted = ip + (view.getUint8(ip) & 15) * 4
  const [outer, inner]: readonly [Side, Side] = up ? ['source', 'destination'] : ['destination', 'source']
  const address = up ? table.outsideAddress(session) : table.insideAddress(session)
  const port = up ? table.outsidePort(session) : table.insidePort(session)
  rewriteEnd(view, ip, quoted, end, inner, address, port)
  rewriteAddress(view, offset, outer, address)
  // Summed anew: that it was right has just been checked, and so many words have changed that updating is no cheaper.
  view.setUint16(transport + 2, 0)
  view.setUint16(transport + 2, checksum(view, transport, end - transport))
}
