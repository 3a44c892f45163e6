import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EnvironmentError } from '@millrace/core'
import { serveUapi, type UapiServer, type UapiServerOptions } from '@millrace/layer-wireguard'

/** How long whoever had an interface of this name before may take to notice that it is gone, milliseconds. */
const PATIENCE = 1000
const PAUSE = 10

/**
 * Serves the configuration protocol for an interface that is ours. Somebody who still answers in its name had the
 * interface before that was deleted, and is about to end.
 */
export async function claimUapi(options: UapiServerOptions): Promise<UapiServer> {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    try {
      return await serveUapi(options)
    } catch (error) {
      const occupied = error instanceof EnvironmentError && existsSync(`/var/run/wireguard/${options.name}.sock`)
      if (!occupied || options.fd !== undefined || performance.now() > deadline) throw error
    }
    await sleep(PAUSE)
  }
}
