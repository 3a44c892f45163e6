import type { Clock } from '@millrace/core'
import type { HostPort } from '@millrace/layer-wireguard'
import type { Connection, Network } from './network.ts'
import { reset } from './relay.ts'

export interface DialSurroundings {
  readonly network: Network
  readonly clock: Clock
}

/** How long a connection may take to open, milliseconds. */
const DIAL_TIMEOUT = 30_000

/**
 * Opens a connection on behalf of another: it is given up when that one closes, and fails with `ETIMEDOUT` after
 * half a minute.
 */
export async function dialFor(
  client: Connection,
  to: HostPort,
  { network, clock }: DialSurroundings,
): Promise<Connection> {
  const abort = new AbortController()
  const gone = (): void => abort.abort()
  client.once('close', gone)
  const timer = clock.setTimer(DIAL_TIMEOUT, () => {
    abort.abort(Object.assign(new Error(`connect ETIMEDOUT ${to.host}:${to.port}`), { code: 'ETIMEDOUT' }))
  })
  try {
    if (client.destroyed) gone()
    return await unlessAborted(network.connect(to, abort.signal), abort.signal)
  } finally {
    timer.cancel()
    client.off('close', gone)
  }
}

/** Whoever opens it may take a while to notice that it is no longer wanted; what comes then is reset. */
function unlessAborted(opening: Promise<Connection>, signal: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    opening.then(
      (connection) => (signal.aborted ? reset(connection) : resolve(connection)),
      (error) => reject(signal.aborted ? signal.reason : error),
    )
  })
}

/** The system's code of an error: `ECONNREFUSED`. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
