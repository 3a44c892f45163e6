/** Protocol numbers (IANA) and types (RFC 792, RFC 4443). */
const ICMP = 1
const ICMPV6 = 58
/** Type, code, checksum and four bytes more. */
export const ICMP_HEADER = 8

export function icmpProtocol(version: 4 | 6): number {
  return version === 4 ? ICMP : ICMPV6
}

export function echoRequestType(version: 4 | 6): number {
  return version === 4 ? 8 : 128
}

export function echoReplyType(version: 4 | 6): number {
  return version === 4 ? 0 : 129
}
