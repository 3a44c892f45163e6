import { ICMP, ICMPV6 } from '@millrace/core'

// Types are those of RFC 792 and RFC 4443.

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
