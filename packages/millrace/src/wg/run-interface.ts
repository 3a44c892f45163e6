import type { Logger } from '@millrace/core'
import { Disabled } from '../disabled.ts'
import { claimUapi } from './claim-uapi.ts'
import type { WgEnvironment } from './environment.ts'
import { openTun } from './open-tun.ts'
import { WgInterface } from './wg-interface.ts'

export interface RunOptions {
  readonly interfaceName: string
  readonly environment: WgEnvironment
  readonly logger: Logger
  /** Ends it. */
  readonly signal: AbortSignal
  /** Called when interface and socket are there. */
  readonly onReady: () => void
}

/**
 * Makes the interface and its control socket, and resolves when both are gone again: after the signal, when somebody
 * deletes the interface, or when somebody removes the socket's file. Throws an EnvironmentError if it cannot be made.
 */
export async function runInterface({ interfaceName, environment, logger, signal, onReady }: RunOptions): Promise<void> {
  let end = (_reason: string): void => {}
  const ended = new Promise<string>((resolve) => {
    end = resolve
  })
  signal.addEventListener('abort', () => end('a signal'))
  const handle = openTun(interfaceName, environment.tunFd)
  try {
    const wg = new WgInterface({
      handle,
      logger,
      disabled: new Disabled(environment.disabled),
      threads: environment.threads,
      onGone: () => end('the interface was deleted'),
    })
    try {
      const uapi = await claimUapi({
        name: handle.interfaceName,
        target: wg.target,
        logger,
        onRemoved: () => end('the control socket was removed'),
        ...(environment.uapiFd === undefined ? {} : { fd: environment.uapiFd }),
      })
      onReady()
      if (!signal.aborted) logger.debug({ reason: await ended }, 'ends')
      await uapi.close()
    } finally {
      await wg.close()
    }
  } finally {
    handle.close()
  }
}
