import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** A lock file that names the process which holds it. One of a process that no longer lives counts as free. */
export class LockFile {
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
  }

  /** Returns the lock, or the process id of its holder. */
  static tryAcquire(path: string): LockFile | number {
    const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
    writeFileSync(own, `${process.pid} ${startTime(process.pid) ?? ''}\n`, { mode: 0o600, flag: 'wx' })
    try {
      for (;;) {
        try {
          linkSync(own, path)
          return new LockFile(path)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
        }
        const content = read(path)
        const holder = content === undefined ? undefined : livingHolder(content)
        if (holder !== undefined) return holder
        if (content !== undefined) clear(path, content, `${own}.stale`)
      }
    } finally {
      rmSync(own, { force: true })
    }
  }

  release(): void {
    rmSync(this.#path, { force: true })
  }
}

/** Takes a dead holder's file away. Should another process have been quicker, its new lock goes back in place. */
function clear(path: string, stale: string, aside: string): void {
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (read(aside) !== stale) linkSync(aside, path)
  rmSync(aside, { force: true })
}

function livingHolder(content: string): number | undefined {
  const [pidText = '', started = ''] = content.trim().split(' ')
  const pid = Number(pidText)
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
  }
  const now = startTime(pid)
  return now === undefined || started === '' || now === started ? pid : undefined
}

/** When a process started, in clock ticks since boot (proc(5), stat, field 22): tells it from a later one of its number. */
function startTime(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
