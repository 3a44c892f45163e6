import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { WgEnvironment } from './environment.ts'
import { UsageError } from './usage-error.ts'

/** What the daemon tells the process that started it, once. */
export interface DaemonMessage {
  /** In one line why it cannot; undefined when it is ready. */
  readonly failure?: string
}

// Where wireguard-go hands them over too.
const TUN_FD = 3
const UAPI_FD = 4

/**
 * Starts this program again, in a session of its own and with nothing of ours open, and resolves when it says that it is
 * ready. It has no output unless LOG_LEVEL asks for some. Rejects with what kept it from starting.
 */
export function startDaemon(script: string, interfaceName: string, environment: WgEnvironment): Promise<void> {
  const { logLevel, tunFd, uapiFd } = environment
  const output = logLevel === undefined || logLevel === 'silent' ? 'ignore' : 'inherit'
  const env: NodeJS.ProcessEnv = { ...process.env, WG_PROCESS_FOREGROUND: '1' }
  if (tunFd !== undefined) env['WG_TUN_FD'] = String(TUN_FD)
  if (uapiFd !== undefined) env['WG_UAPI_FD'] = String(UAPI_FD)
  const stdio = ['ignore', output, output, tunFd ?? 'ignore', uapiFd ?? 'ignore', 'ipc'] as const
  const args = [...process.execArgv, script, interfaceName]
  const child = spawned(args, { env, stdio: [...stdio], cwd: '/', detached: true })
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(cannotStart(error)))
    child.on('exit', (code, signal) =>
      reject(new UsageError(`the daemon ended before it was ready (${signal ?? `exit code ${code}`})`)),
    )
    child.on('message', ({ failure }: DaemonMessage) => {
      child.disconnect()
      child.unref()
      if (failure === undefined) resolve()
      else reject(new UsageError(failure))
    })
  })
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
