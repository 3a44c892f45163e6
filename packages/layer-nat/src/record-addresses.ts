import { isIPv4 } from 'node:net'
import { ipv4ToNumber } from '@millrace/core'
import { isMartian } from './classify.ts'

/** How the addresses of records are read, and which of them no session can have. */
export interface RecordAddresses {
  /** The number of an inside address in its text form; -1 if it is none. */
  readonly inside: (text: string) => number
  /** The same of outside and remote addresses. */
  readonly outside: (text: string) => number
  /** Whether all packets from an inside address are refused. */
  readonly isMartianInside: (address: number) => boolean
  /** Whether all packets to a remote address are refused. */
  readonly isMartianRemote: (address: number) => boolean
}

/** Where both sides have IPv4. */
export const IPV4_RECORDS: RecordAddresses = {
  inside: readIpv4,
  outside: readIpv4,
  isMartianInside: isMartian,
  isMartianRemote: isMartian,
}

export function readIpv4(text: string): number {
  return isIPv4(text) ? ipv4ToNumber(text) : -1
}
