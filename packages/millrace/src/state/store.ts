import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ConfigurationError, EnvironmentError } from '@millrace/core'
import { writeAtomically } from './atomic-file.ts'
import { LockFile } from './lock.ts'
import { parseState } from './schema.ts'
import type { GatewayState } from './state.ts'

const FILE = 'gateway.json'
/** How long another process may take to change the state, milliseconds. */
const PATIENCE = 10_000

/** The directory in which a gateway keeps its keys and peers. */
export class StateStore {
  readonly directory: string
  readonly file: string

  constructor(directory: string) {
    this.directory = resolve(directory)
    this.file = join(this.directory, FILE)
  }

  /** Where the state is when `--state` does not say. */
  static defaultDirectory(): string {
    if (process.getuid?.() === 0) return '/var/lib/millrace'
    const { XDG_STATE_HOME = join(homedir(), '.local', 'state') } = process.env
    return join(XDG_STATE_HOME, 'millrace')
  }

  /** The state, or undefined where no gateway has run yet. */
  load(): GatewayState | undefined {
    let json: string
    try {
      json = readFileSync(this.file, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return undefined
      throw this.#explained(error as NodeJS.ErrnoException)
    }
    return parseState(json, this.file)
  }

  /** As `load`, for commands that make sense only with a gateway. */
  require(): GatewayState {
    const state = this.load()
    if (state === undefined) {
      throw new ConfigurationError(
        `there is no gateway in ${this.directory} yet: start \`millrace gateway\` first, or name its directory with --state`,
      )
    }
    return state
  }

  save(state: GatewayState): void {
    try {
      writeAtomically(this.file, `${JSON.stringify(state, null, 2)}\n`)
    } catch (error) {
      throw this.#explained(error as NodeJS.ErrnoException)
    }
  }

  /** Reads, changes and writes the state while nobody else may. */
  async update(change: (state: GatewayState) => GatewayState): Promise<GatewayState> {
    this.require()
    const lock = await this.#lock()
    try {
      const state = change(this.require())
      this.save(state)
      return state
    } finally {
      lock.release()
    }
  }

  /** Makes the directory if it is missing, mode 0700. What it returns takes away what was made, if still empty. */
  create(): () => void {
    let made: string | undefined
    try {
      made = mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw this.#explained(error as NodeJS.ErrnoException)
    }
    return () => {
      if (made === undefined) return
      try {
        for (let path = this.directory; path.length >= made.length; path = dirname(path)) rmdirSync(path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
      }
    }
  }

  /** A lock in the directory, or the process id of who holds it. */
  tryLock(name: string): LockFile | number {
    try {
      return LockFile.tryAcquire(join(this.directory, name))
    } catch (error) {
      throw this.#explained(error as NodeJS.ErrnoException)
    }
  }

  async #lock(): Promise<LockFile> {
    const end = performance.now() + PATIENCE
    for (;;) {
      const lock = this.tryLock('gateway.json.lock')
      if (lock instanceof LockFile) return lock
      if (performance.now() > end) {
        throw new EnvironmentError(`${this.file} is being changed by process ${lock}: try again later`)
      }
      await wait(10)
    }
  }

  #explained(error: NodeJS.ErrnoException): Error {
    const reasons: Record<string, string> = {
      EACCES: 'permission denied: run as the user who owns it',
      EROFS: 'the file system is read-only',
      ENOSPC: 'no space left',
      ENOTDIR: 'a part of the path is not a directory',
      EISDIR: 'expected a file, found a directory',
      EEXIST: 'expected a directory, found a file',
    }
    const reason = reasons[error.code ?? '']
    return reason === undefined ? error : new EnvironmentError(`${this.directory}: ${reason}`)
  }
}
