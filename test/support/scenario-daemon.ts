import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import type { Namespace } from './netns.ts'
import type { WireguardProgram } from './scenario-programs.ts'

const STARTED = 20_000

/** The process behind one interface. It has daemonised, so that it is known by what is new in its namespace. */
export class Daemon {
  /** The namespace it was started in, where its sockets stay. */
  readonly home: Namespace
  readonly #pids: readonly number[]

  private constructor(home: Namespace, pids: readonly number[]) {
    this.home = home
    this.#pids = pids
  }

  /** Runs the program until it says by its exit that the interface is ready. What it prints goes to a file. */
  static async start(
    { command, faults }: WireguardProgram,
    name: string,
    home: Namespace,
    log: string,
  ): Promise<Daemon> {
    const before = new Set(home.pids)
    const file = openSync(log, 'a')
    const env = { LOG_LEVEL: 'error', ...process.env }
    const args = ['netns', 'exec', home.name, ...command, name]
    const child = spawn('ip', args, { env, stdio: ['ignore', file, file], signal: AbortSignal.timeout(STARTED) })
    closeSync(file)
    const [code] = await once(child, 'exit')
    if (code !== 0) throw new Error(`${command.join(' ')} ${name}: exit code ${code}\n${readFileSync(log, 'utf8')}`)
    const pids = home.pids.filter((pid) => !before.has(pid))
    if (pids.length === 0 || !hasSocket(name)) throw new Error(`${name} is not there, but it said so`)
    if (faults.includes('exits-early')) await home.exec('wg', 'show', name)
    return new Daemon(home, pids)
  }

  /** Whether no process of it lives any more. */
  get ended(): boolean {
    const alive = this.home.pids
    return !this.#pids.some((pid) => alive.includes(pid))
  }

  /** Whether it has a UDP socket at this port. */
  listensAt(port: number): boolean {
    return this.home.run('ss', '-Hlun', `sport = :${port}`) !== ''
  }
}

export function hasSocket(name: string): boolean {
  return existsSync(socketOf(name))
}

/** For an interface whose program could not do it itself. */
export function removeSocket(name: string): void {
  rmSync(socketOf(name), { force: true })
}

/** The control sockets of all namespaces lie in one folder. */
function socketOf(name: string): string {
  return `/var/run/wireguard/${name}.sock`
}
