import type { IcmpErrorKind } from '@millrace/core'

/** By code of destination unreachable; what cannot be said more exactly is taken for the next thing that can. */
const UNREACHABLE_4: readonly (IcmpErrorKind | undefined)[] = [
  'network-unreachable',
  'host-unreachable',
  'port-unreachable',
  'port-unreachable',
  'packet-too-big',
  undefined,
  'network-unreachable',
  'host-unreachable',
  'host-unreachable',
  'admin-prohibited',
  'admin-prohibited',
  'network-unreachable',
  'host-unreachable',
  'admin-prohibited',
]

const UNREACHABLE_6: readonly (IcmpErrorKind | undefined)[] = [
  'network-unreachable',
  'admin-prohibited',
  'host-unreachable',
  'host-unreachable',
  'port-unreachable',
  'admin-prohibited',
  'network-unreachable',
]

/** What an ICMP message of this type and code (RFC 792, RFC 1122 §3.2.2.1, RFC 4443 §3) says; undefined if it is no such error. */
export function readErrorKind(version: 4 | 6, type: number, code: number): IcmpErrorKind | undefined {
  if (version === 4) return type === 3 ? UNREACHABLE_4[code] : type === 11 ? 'time-exceeded' : undefined
  if (type === 1) return UNREACHABLE_6[code]
  return type === 2 ? 'packet-too-big' : type === 3 ? 'time-exceeded' : undefined
}
