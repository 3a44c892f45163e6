import { constants } from 'node:os'
import type { CloseCause } from '../tcp/listener.ts'

/** The names of the system's errors that sockets of this host end with. */
export type SocketErrorCode =
  | 'ECONNREFUSED'
  | 'ECONNRESET'
  | 'ECONNABORTED'
  | 'ETIMEDOUT'
  | 'EHOSTUNREACH'
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EMSGSIZE'
  | 'ENOBUFS'
  | 'ENETDOWN'

/** An error with the fields that those of `node:net` and `node:dgram` have. */
export interface SocketError extends Error {
  readonly code: SocketErrorCode
  readonly errno: number
  readonly syscall: string
  readonly address?: string
  readonly port?: number
}

/** As Node's own of the same system call: `connect ECONNREFUSED 10.0.0.1:80`. */
export function socketError(
  code: SocketErrorCode,
  syscall: string,
  where?: { readonly address: string; readonly port: number },
): SocketError {
  const place = where === undefined ? '' : ` ${where.address}:${where.port}`
  const error = new Error(`${syscall} ${code}${place}`)
  return Object.assign(error, { code, errno: -constants.errno[code], syscall, ...where })
}

/** What a connection ended with, as an error; `finished` is none. */
export function codeOf(cause: Exclude<CloseCause, 'finished'>): SocketErrorCode {
  return CODES[cause]
}

const CODES: Record<Exclude<CloseCause, 'finished'>, SocketErrorCode> = {
  reset: 'ECONNRESET',
  aborted: 'ECONNABORTED',
  timeout: 'ETIMEDOUT',
  refused: 'ECONNREFUSED',
  unreachable: 'EHOSTUNREACH',
}
