import { type Clock, EnvironmentError } from '@millrace/core'
import type { WireguardLayer } from '@millrace/layer-wireguard'
import type { TunnelPlan } from './configuration.ts'

/** Seconds; only while there is no session yet. */
const KEEPALIVE = 25

/**
 * Begins a handshake with each peer that has an endpoint and resolves with the first that succeeds; at once if none has
 * one. Rejects with an EnvironmentError that names them when `timeout` milliseconds have passed without.
 */
export async function firstHandshake(
  { wireguard, endpoints }: TunnelPlan,
  { clock, timeout, signal }: { readonly clock: Clock; readonly timeout: number; readonly signal?: AbortSignal },
): Promise<void> {
  if (endpoints.size === 0) return
  const quiet = wireguard.peers.list().filter((peer) => peer.persistentKeepalive === 0 && endpoints.has(peer.publicKey))
  const up = sessionUp(wireguard)
  // To turn it on sends one at once, for which a session is needed.
  for (const { publicKey } of quiet) wireguard.peers.update(publicKey, { persistentKeepalive: KEEPALIVE })
  try {
    await Promise.race([up.promise, late(clock, timeout, up.stopped, endpoints), aborted(signal, up.stopped)])
  } finally {
    up.stop()
    for (const { publicKey } of quiet) wireguard.peers.update(publicKey, { persistentKeepalive: 0 })
  }
}

interface Waiting {
  readonly promise: Promise<void>
  readonly stopped: AbortSignal
  stop(): void
}

function sessionUp(wireguard: WireguardLayer): Waiting {
  const abort = new AbortController()
  const promise = new Promise<void>((resolve) => {
    const subscription = wireguard.events.subscribe(({ type }) => {
      if (type === 'session-up') resolve()
    })
    abort.signal.addEventListener('abort', () => subscription.unsubscribe())
    if (wireguard.peers.list().some(({ isUp }) => isUp)) resolve()
  })
  return { promise, stopped: abort.signal, stop: () => abort.abort() }
}

function late(
  clock: Clock,
  timeout: number,
  stopped: AbortSignal,
  endpoints: ReadonlyMap<string, string>,
): Promise<never> {
  return new Promise((_, reject) => {
    const timer = clock.setTimer(timeout, () => {
      const where = [...endpoints.values()].join(', ')
      const what = `no handshake with ${where} within ${timeout / 1000} s`
      const hint = 'check that it is there, that UDP gets through, and that the keys of both ends match'
      reject(new EnvironmentError(`tunnel: ${what}; ${hint}`))
    })
    stopped.addEventListener('abort', () => timer.cancel())
  })
}

function aborted(signal: AbortSignal | undefined, stopped: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(signal?.reason)
    if (signal?.aborted) give()
    signal?.addEventListener('abort', give, { signal: stopped })
  })
}
