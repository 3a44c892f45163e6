#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { parseArguments } from '../wg/arguments.ts'
import { readEnvironment } from '../wg/environment.ts'
import { READY, tellStarter } from '../wg/starter.ts'
import { UsageError } from '../wg/usage-error.ts'
import { endSignal } from './end-signal.ts'

const isDaemon = process.env['MILLRACE_WG_DAEMON'] === '1'
/** Whoever started the daemon has not been told yet how it went. */
let isAwaited = isDaemon

function tell(line: string): void {
  if (isAwaited) tellStarter(line)
  isAwaited = false
}

try {
  const words = process.argv.slice(2)
  const { foreground, interfaceName } = parseArguments(words)
  const environment = readEnvironment(process.env)
  if (isDaemon || foreground || environment.foreground) {
    const signal = endSignal()
    // Only here, as is the other: what is not needed takes time to load.
    const { runForeground } = await import('../wg/run-foreground.ts')
    await runForeground(interfaceName, environment, signal, () => tell(READY))
  } else {
    const { startDaemon } = await import('../wg/start-daemon.ts')
    await startDaemon(fileURLToPath(import.meta.url), words, environment)
  }
} catch (error) {
  const known = error instanceof UsageError
  const text = known ? error.message : `unexpected error, please report it\n${(error as Error).stack}`
  if (isAwaited) tell(text)
  else process.stderr.write(`millrace-wg: ${text}\n`)
  process.exitCode = 1
}
