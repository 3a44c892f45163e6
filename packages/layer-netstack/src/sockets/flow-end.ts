import type { FlowEnd } from '../egress/flow-metrics.ts'
import type { CloseCause, Rejection } from '../tcp/listener.ts'

/** How a flow ended whose client's side ended first. */
export function endOfClient(cause: CloseCause): FlowEnd {
  if (cause === 'finished') return 'fin'
  return cause === 'timeout' ? 'idle' : 'rst_client'
}

/** How a flow ended whose dial failed with this code. */
export function endOfDial(code: string): FlowEnd {
  switch (answerTo(code)) {
    case 'refused':
      return 'refused'
    case 'prohibited':
      return 'policy'
    case 'timeout':
      return code === 'ETIMEDOUT' ? 'dial_timeout' : 'quota'
    default:
      return 'unreachable'
  }
}

/** Stands for the system's code when the egress address could not be bound. */
export const ADDRESS_FAILED = 'EGRESS_ADDRESS_FAILED'

/**
 * What the client hears of a dial that failed with this code: what it would have heard from the server, and nothing where
 * we are only short of something, so that it asks again.
 */
export function answerTo(code: string): Rejection {
  switch (code) {
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return 'refused'
    // A firewall on this host.
    case 'EACCES':
    case 'EPERM':
    case ADDRESS_FAILED:
      return 'prohibited'
    case 'ETIMEDOUT':
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
      return 'timeout'
    default:
      return 'unreachable'
  }
}
