import {
  ICMP,
  type OnesComplement,
  onesComplementSum,
  type Packet,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '@millrace/core'

/**
 * The checksum over a pseudo-header and `length` bytes from `transport` on (RFC 9293 §3.1, RFC 768, RFC 8200 §8.1) in
 * `packet`, whose IP header stands there already: what belongs into the header if its checksum field is 0, and 0 if a
 * right one is in place. ICMP over IPv4 has no pseudo-header. `sums` of the pool most packets come from.
 */
export function transportChecksum(
  packet: Packet,
  version: 4 | 6,
  protocol: number,
  transport: number,
  length: number,
  sums: OnesComplement,
): number {
  const { view, offset } = packet
  let pseudo = 0
  if (version === 6) pseudo = pseudoHeaderSum6(view, offset, protocol, length)
  else if (protocol !== ICMP) pseudo = pseudoHeaderSum4(view, offset, protocol, length)
  if (view !== sums.view) return ~onesComplementSum(view, transport, length, pseudo) & 0xffff
  const sum = sums.sum(transport, length) + pseudo
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff
}
