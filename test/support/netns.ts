import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Root, a TUN device and these programs: what the tests in network namespaces need. Empty if nothing is missing. */
export function missingForNamespaces(...programs: readonly string[]): readonly string[] {
  const missing = process.getuid?.() === 0 ? [] : ['root']
  if (!existsSync('/dev/net/tun')) missing.push('/dev/net/tun')
  return [...missing, ...['ip', ...programs].filter((program) => !isInstalled(program))]
}

/** For the name of a test that is skipped: what it would need. */
export function needs(missing: readonly string[]): string {
  return missing.length === 0 ? '' : ` (needs ${missing.join(', ')})`
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/${program}`))
}

/** A network namespace of the test's own, and the processes that the test started in it. */
export class Namespace {
  static #count = 0
  readonly name: string
  readonly #children = new Set<ChildProcess>()

  constructor(label: string) {
    this.name = `millrace-${process.pid}-${Namespace.#count++}-${label}`
    run('ip', 'netns', 'add', this.name)
    this.run('ip', 'link', 'set', 'lo', 'up')
  }

  /** Runs to the end and returns what it printed. Throws with its error output if it fails. */
  run(...command: readonly string[]): string {
    return run('ip', 'netns', 'exec', this.name, ...command)
  }

  /** As `run`, without blocking this process. */
  exec(...command: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { encoding: 'utf8', maxBuffer: 64 << 20 } as const
      execFile('ip', ['netns', 'exec', this.name, ...command], options, (error, stdout, stderr) => {
        if (error) reject(new Error(`${command.join(' ')}: ${stderr || stdout || error.message}`))
        else resolve(stdout)
      })
    })
  }

  /** Starts a program that stays; it is ended with the namespace at the latest. */
  start(...command: readonly string[]): Program {
    const child = spawn('ip', ['netns', 'exec', this.name, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#children.add(child)
    child.on('exit', () => this.#children.delete(child))
    return new Program(child)
  }

  /** The processes that run in it, those that have daemonised too. */
  get pids(): readonly number[] {
    return run('ip', 'netns', 'pids', this.name).split('\n').filter(Boolean).map(Number)
  }

  /** Ends all that runs in it, whoever started it, and takes it away. */
  async remove(): Promise<void> {
    const children = [...this.#children]
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => once(child, 'exit')))
    while (this.pids.length > 0) {
      for (const pid of this.pids) endAtOnce(pid)
      await sleep(5)
    }
    run('ip', 'netns', 'del', this.name)
  }
}

function endAtOnce(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // it has ended by itself meanwhile
  }
}

/** A running program and what it has printed. */
export class Program {
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #exit: Promise<number | null>

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#exit = once(child, 'exit').then(([code]) => code as number | null)
  }

  /** Waits for text on standard output, or throws with all the program said when it ends or 20 s have passed. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + 20_000
    for (;;) {
      const match = pattern.exec(this.stdout)
      if (match !== null) return match
      if (this.#child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`never printed ${pattern}\n${this.stdout}\n${this.stderr}`)
      }
      await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.#exit])
    }
  }

  /** Sends a signal and waits for the end; the exit code. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal)
    return this.#exit
  }
}

export function run(...command: readonly string[]): string {
  return execFileSync(command[0] as string, command.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Joins two namespaces by a cable, and gives both ends addresses. */
export function cable(
  a: Namespace,
  nameA: string,
  addressesA: readonly string[],
  b: Namespace,
  nameB: string,
  addressesB: readonly string[],
): void {
  run('ip', 'link', 'add', nameA, 'netns', a.name, 'type', 'veth', 'peer', 'name', nameB, 'netns', b.name)
  for (const [namespace, name, addresses] of [[a, nameA, addressesA] as const, [b, nameB, addressesB] as const]) {
    for (const address of addresses) {
      const noDad = address.includes(':') ? ['nodad'] : []
      namespace.run('ip', 'address', 'add', address, 'dev', name, ...noDad)
    }
    // No link-local addresses: they would come and go by themselves while a test compares before and after.
    namespace.run('ip', 'link', 'set', name, 'addrgenmode', 'none', 'up')
  }
  // The kernel notices the carrier a moment later, and the routes change with it.
  const isUp = (namespace: Namespace, name: string): boolean =>
    namespace.run('ip', 'link', 'show', name).includes('state UP')
  for (let tries = 0; !(isUp(a, nameA) && isUp(b, nameB)); tries++) {
    if (tries === 500) throw new Error(`the cable from ${nameA} to ${nameB} has no carrier`)
  }
}
