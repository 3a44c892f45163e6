import type { HostPort } from '@millrace/layer-wireguard'
import { codeOf } from './dial.ts'
import { socksAddress } from './socks-address.ts'

/** RFC 1928 §6. */
export const SOCKS_REPLY = {
  succeeded: 0,
  failure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  refused: 5,
  expired: 6,
  commandNotSupported: 7,
  addressNotSupported: 8,
} as const

export type SocksReplyCode = (typeof SOCKS_REPLY)[keyof typeof SOCKS_REPLY]

const NOWHERE: HostPort = { host: '0.0.0.0', port: 0 }

/** A reply in bytes; `bound` is the end that the connection or association has here. */
export function socksReply(code: SocksReplyCode, bound: HostPort = NOWHERE): Buffer {
  return Buffer.concat([Buffer.of(5, code, 0), socksAddress(bound)])
}

const OF_ERRORS: Readonly<Record<string, SocksReplyCode>> = {
  EACCES: SOCKS_REPLY.notAllowed,
  EPERM: SOCKS_REPLY.notAllowed,
  ENETUNREACH: SOCKS_REPLY.networkUnreachable,
  ENETDOWN: SOCKS_REPLY.networkUnreachable,
  EHOSTUNREACH: SOCKS_REPLY.hostUnreachable,
  ENOTFOUND: SOCKS_REPLY.hostUnreachable,
  EAI_AGAIN: SOCKS_REPLY.hostUnreachable,
  ECONNREFUSED: SOCKS_REPLY.refused,
  ETIMEDOUT: SOCKS_REPLY.expired,
}

/** What a connection that could not be opened is answered. */
export function replyCodeOf(error: unknown): SocksReplyCode {
  return OF_ERRORS[codeOf(error) ?? ''] ?? SOCKS_REPLY.failure
}
