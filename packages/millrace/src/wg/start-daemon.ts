import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { WgEnvironment } from './environment.ts'
import { READY } from './starter.ts'
import { UsageError } from './usage-error.ts'

// Where wireguard-go hands them over too.
const TUN_FD = 3
const UAPI_FD = 4

/**
 * Starts this program again, in a session of its own and with nothing of ours open, and resolves when it says that it is
 * ready. It has no output unless LOG_LEVEL asks for some. Throws a UsageError with what kept it from starting.
 */
export async function startDaemon(script: string, words: readonly string[], environment: WgEnvironment): Promise<void> {
  const { logLevel, tunFd, uapiFd } = environment
  const errors = logLevel === undefined || logLevel === 'silent' ? 'ignore' : 'inherit'
  const env: NodeJS.ProcessEnv = { ...process.env, MILLRACE_WG_DAEMON: '1' }
  if (tunFd !== undefined) env['WG_TUN_FD'] = String(TUN_FD)
  if (uapiFd !== undefined) env['WG_UAPI_FD'] = String(UAPI_FD)
  const stdio = ['ignore', 'pipe', errors, tunFd ?? 'ignore', uapiFd ?? 'ignore'] as const
  const args = [...process.execArgv, script, ...words]
  const child = spawned(args, { env, stdio: [...stdio], cwd: '/', detached: true })
  const failed = new Promise<never>((_, reject) => child.on('error', (error) => reject(cannotStart(error))))
  const answer = (await Promise.race([text(child.stdout as Readable), failed])).trim()
  if (answer !== READY) throw new UsageError(answer || 'the daemon ended before it was ready')
  child.unref()
}

function spawned(args: readonly string[], options: SpawnOptions): ChildProcess {
  try {
    return spawn(process.execPath, args, options)
  } catch (error) {
    throw cannotStart(error as NodeJS.ErrnoException)
  }
}

function cannotStart({ code, message }: NodeJS.ErrnoException): UsageError {
  if (code === 'EBADF') return new UsageError('WG_TUN_FD and WG_UAPI_FD: expected open file descriptors')
  return new UsageError(`cannot start ${process.execPath}: ${message}`)
}
