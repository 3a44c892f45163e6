import { type Feature, featuresIn } from '../features.ts'
import { UsageError } from './usage-error.ts'

/** How much is logged: `verbose` and `debug` are the same. */
export type LogLevel = 'debug' | 'error' | 'silent'

/** What wireguard-go, and so `millrace-wg`, is told by environment variables; the last two are our own. */
export interface WgEnvironment {
  /** LOG_LEVEL; undefined where none is set. */
  readonly logLevel: LogLevel | undefined
  /** WG_TUN_FD: an open TUN device. */
  readonly tunFd: number | undefined
  /** WG_UAPI_FD: a unix socket that listens already. */
  readonly uapiFd: number | undefined
  /** WG_PROCESS_FOREGROUND=1. */
  readonly foreground: boolean
  /** MILLRACE_DISABLE. */
  readonly disabled: readonly Feature[]
  /** MILLRACE_THREADS: threads that encrypt and decrypt, default 1. */
  readonly threads: number
}

/** Throws a UsageError. */
export function readEnvironment(variables: NodeJS.ProcessEnv): WgEnvironment {
  return {
    logLevel: logLevelOf(variables['LOG_LEVEL']),
    tunFd: descriptorIn(variables, 'WG_TUN_FD'),
    uapiFd: descriptorIn(variables, 'WG_UAPI_FD'),
    foreground: variables['WG_PROCESS_FOREGROUND'] === '1',
    threads: threadsIn(variables['MILLRACE_THREADS']),
    disabled: disabledIn(variables['MILLRACE_DISABLE'] ?? ''),
  }
}

function disabledIn(text: string): readonly Feature[] {
  const features = featuresIn(text)
  if ('wrong' in features) throw new UsageError(`MILLRACE_DISABLE: ${features.wrong}`)
  return features
}

/** A word that is none of the levels is an error's, as in wireguard-go. */
function logLevelOf(word: string | undefined): LogLevel | undefined {
  if (word === undefined || word === '') return undefined
  if (word === 'verbose' || word === 'debug') return 'debug'
  return word === 'silent' ? 'silent' : 'error'
}

function threadsIn(text: string | undefined): number {
  if (text === undefined || text === '') return 1
  const threads = /^\d{1,2}$/.test(text) ? Number(text) : 0
  if (threads < 1 || threads > 64)
    throw new UsageError(`MILLRACE_THREADS: expected a number from 1 to 64, got "${text}"`)
  return threads
}

function descriptorIn(variables: NodeJS.ProcessEnv, name: string): number | undefined {
  const text = variables[name]
  if (text === undefined || text === '') return undefined
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name}: expected a file descriptor, got "${text}"`)
  return Number(text)
}
