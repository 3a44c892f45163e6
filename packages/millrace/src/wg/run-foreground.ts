import { ConfigurationError, EnvironmentError } from '@millrace/core'
import type { WgEnvironment } from './environment.ts'
import { levelLogger } from './level-logger.ts'
import { runInterface } from './run-interface.ts'
import type { DaemonMessage } from './start-daemon.ts'
import { UsageError } from './usage-error.ts'

/** Runs the interface in this process until its end. Whoever waits for it as for a daemon is told how it went. */
export async function runForeground(
  interfaceName: string,
  environment: WgEnvironment,
  signal: AbortSignal,
): Promise<void> {
  const logger = levelLogger(environment.logLevel ?? 'error', interfaceName, (line) => process.stderr.write(line))
  try {
    await runInterface({ interfaceName, environment, logger, signal, onReady: () => tellStarter({}) })
  } catch (error) {
    if (!(error instanceof EnvironmentError || error instanceof ConfigurationError)) throw error
    const failure = error.message.replace(/\s+/g, ' ').trim()
    if (!tellStarter({ failure })) throw new UsageError(failure)
    process.exitCode = 1
  }
}

/** False if nobody waits. One who has gone meanwhile is no reason to end. */
function tellStarter(message: DaemonMessage): boolean {
  if (process.send === undefined) return false
  process.send(message, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
  return true
}
