import { randomBytes } from 'node:crypto'
import { type FSWatcher, linkSync, lstatSync, mkdirSync, rmSync, watch } from 'node:fs'
import { createConnection, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { EnvironmentError } from '@millrace/core'
import { listening } from './listening.ts'

/** The file of a listening unix socket. Somebody else may remove or replace it at any time; only our own is removed. */
export class SocketFile {
  readonly path: string
  readonly #identity: string
  #watcher: FSWatcher | undefined

  /** Takes the file that is there now for ours. */
  constructor(path: string) {
    this.path = path
    this.#identity = identityOf(path) ?? ''
  }

  /**
   * Lets `server` listen at `path`, mode 0600, the directory made (0755) where it is missing. A file that nobody answers
   * at is replaced. The socket is bound under a name of its own and linked to `path`: that fails if the file is there,
   * so that of two programs one gets it, and libuv, which on close removes the name it bound, never removes another's.
   */
  static async claim(path: string, server: Server): Promise<SocketFile> {
    const bound = join(dirname(path), `.${randomBytes(6).toString('hex')}`)
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
      await listening(server, () => withUmask(0o177, () => server.listen(bound)))
      try {
        while (!tryLink(bound, path)) await removeStale(path)
      } finally {
        rmSync(bound, { force: true })
      }
      return new SocketFile(path)
    } catch (error) {
      server.close()
      throw explained(error, path)
    }
  }

  get isOurs(): boolean {
    return this.#identity !== '' && identityOf(this.path) === this.#identity
  }

  /** Calls back once when the file is no longer ours. */
  watch(onGone: () => void): void {
    const check = (): void => {
      if (this.#watcher === undefined || this.isOurs) return
      this.unwatch()
      onGone()
    }
    this.#watcher = watch(dirname(this.path), check)
    // The directory itself may go.
    this.#watcher.on('error', check)
    check()
  }

  unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  remove(): void {
    this.unwatch()
    if (this.isOurs) rmSync(this.path, { force: true })
  }
}

function identityOf(path: string): string | undefined {
  const status = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return status && `${status.dev}:${status.ino}`
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Removes the file at `path` if nobody answers there; throws if somebody does. */
async function removeStale(path: string): Promise<void> {
  const before = identityOf(path)
  const code = await new Promise<string | undefined>((resolve) => {
    const connection = createConnection(path, () => resolve(undefined))
    connection.on('error', ({ code = 'EIO' }: NodeJS.ErrnoException) => resolve(code))
    connection.on('connect', () => connection.destroy())
  })
  if (code === 'ENOENT') return
  if (code !== 'ECONNREFUSED') {
    const why = code === undefined ? 'another program answers there' : code
    throw new EnvironmentError(`unix socket in use: ${path} (${why}); end that program or choose another name`)
  }
  if (identityOf(path) === before) rmSync(path, { force: true })
}

function withUmask(mask: number, work: () => void): void {
  const before = process.umask(mask)
  try {
    work()
  } finally {
    process.umask(before)
  }
}

function explained(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof EnvironmentError || code === undefined) return error
  if (code === 'EACCES' || code === 'EPERM')
    return new EnvironmentError(`unix socket ${path}: not permitted; needs root`)
  return new EnvironmentError(`unix socket ${path}: cannot be made here (${code})`)
}
