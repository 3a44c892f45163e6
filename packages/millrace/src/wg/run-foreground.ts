import { ConfigurationError, EnvironmentError } from '@millrace/core'
import type { WgEnvironment } from './environment.ts'
import { levelLogger } from './level-logger.ts'
import { runInterface } from './run-interface.ts'
import { UsageError } from './usage-error.ts'

/** Runs the interface in this process until its end. Throws a UsageError with what kept it from starting. */
export async function runForeground(
  interfaceName: string,
  environment: WgEnvironment,
  signal: AbortSignal,
  onReady: () => void,
): Promise<void> {
  const logger = levelLogger(environment.logLevel ?? 'error', interfaceName, (line) => process.stderr.write(line))
  try {
    await runInterface({ interfaceName, environment, logger, signal, onReady })
  } catch (error) {
    if (!(error instanceof EnvironmentError || error instanceof ConfigurationError)) throw error
    throw new UsageError(error.message.replace(/\s+/g, ' ').trim())
  }
}
