#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { parseArguments } from '../wg/arguments.ts'
import { readEnvironment } from '../wg/environment.ts'
import { startDaemon } from '../wg/start-daemon.ts'
import { UsageError } from '../wg/usage-error.ts'
import { endSignal } from './end-signal.ts'

try {
  const { foreground, interfaceName } = parseArguments(process.argv.slice(2))
  const environment = readEnvironment(process.env)
  if (foreground || environment.foreground) {
    const signal = endSignal()
    // Only here: the process that starts the daemon is quicker without.
    const { runForeground } = await import('../wg/run-foreground.ts')
    await runForeground(interfaceName, environment, signal)
  } else {
    await startDaemon(fileURLToPath(import.meta.url), interfaceName, environment)
  }
} catch (error) {
  const known = error instanceof UsageError
  const text = known ? error.message : `unexpected error, please report it\n${(error as Error).stack}`
  process.stderr.write(`millrace-wg: ${text}\n`)
  process.exitCode = 1
}
