import { EnvironmentError } from '@millrace/core'
import { errnoName } from '@millrace/native'

/** Why a datagram was not sent, by the system's error code. */
export function sendReason(code: string | undefined): string {
  switch (code) {
    case 'EAGAIN':
    case 'ENOBUFS':
    case 'ENOMEM':
      return 'send-queue-full'
    case 'EMSGSIZE':
      return 'datagram-too-large'
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
      return 'unreachable'
    // A packet filter, or a route that prohibits it.
    case 'EPERM':
    case 'EACCES':
      return 'send-refused'
    default:
      return 'send-failed'
  }
}

/** The error that node:dgram would have made of a negated errno. */
export function systemError(call: string, result: number): NodeJS.ErrnoException {
  const code = errnoName(result)
  return Object.assign(new Error(`${call} ${code}`), { code, errno: result, syscall: call })
}

/** What keeps a port from being opened, in one sentence; the system's own error is its `cause`. */
export function explained(cause: NodeJS.ErrnoException, port: number, address = 'all addresses'): Error {
  const where = `UDP port ${port} on ${address}`
  switch (cause.code) {
    case 'EADDRINUSE':
      return new EnvironmentError(`${where} is in use by another program`, { cause })
    case 'EACCES':
      return new EnvironmentError(`${where} needs more privileges: ports below 1024 do`, { cause })
    case 'EADDRNOTAVAIL':
      return new EnvironmentError(`${where}: this machine does not have that address`, { cause })
    default:
      return cause
  }
}
