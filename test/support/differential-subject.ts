import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MILLRACE = fileURLToPath(new URL('differential-millrace.mjs', import.meta.url))
const STARTED = 20_000
/** For an end in good order, milliseconds. */
const PATIENCE = 5000

/** A program that makes an interface and is told what to do through the control socket. */
export interface SubjectProgram {
  readonly name: string
  readonly command: readonly string[]
}

export const MILLRACE_PROGRAM: SubjectProgram = { name: 'Millrace', command: [process.execPath, MILLRACE] }

/** On one CPU it has one worker for each kind of work, so that it treats packets in the order in which they come. */
export const WIREGUARD_GO: SubjectProgram = {
  name: 'wireguard-go',
  command: ['taskset', '-c', firstCpu(), 'wireguard-go', '--foreground'],
}

/** The implementation under test, in the namespace of this thread. */
export class Subject {
  readonly interfaceName: string
  readonly #child: ChildProcess
  #said = ''

  private constructor(child: ChildProcess, interfaceName: string) {
    this.#child = child
    this.interfaceName = interfaceName
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text
      })
    }
  }

  static async start({ command }: SubjectProgram, interfaceName: string): Promise<Subject> {
    const [file, ...args] = command as [string, ...string[]]
    const env = { ...process.env, LOG_LEVEL: 'error' }
    const child = spawn(file, [...args, interfaceName], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const subject = new Subject(child, interfaceName)
    const deadline = Date.now() + STARTED
    while (!(await subject.#answers())) {
      if (subject.ended || Date.now() > deadline) {
        await subject.stop()
        throw new Error(`${command.join(' ')} did not start: ${subject.said}`)
      }
      await sleep(5)
    }
    return subject
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** All it has printed. */
  get said(): string {
    return this.#said
  }

  /** Changes its configuration: lines of `key=value`, as in the cross-platform interface of WireGuard. */
  async set(lines: readonly string[]): Promise<void> {
    const answer = await this.#ask(`set=1\n${lines.join('\n')}\n\n`)
    if (answer !== 'errno=0\n\n') throw new Error(`set: ${answer.trim()} for ${lines.join(' ')}`)
  }

  /** Ends it, if it has not ended by itself, and takes away what it has left. */
  async stop(): Promise<void> {
    if (!this.ended) {
      const exit = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const force = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE)
      await exit
      clearTimeout(force)
    }
    rmSync(this.#path, { force: true })
  }

  get #path(): string {
    return `/var/run/wireguard/${this.interfaceName}.sock`
  }

  async #answers(): Promise<boolean> {
    return (await this.#ask('get=1\n\n').catch(() => '')).endsWith('errno=0\n\n')
  }

  async #ask(text: string): Promise<string> {
    const socket = connect(this.#path).setEncoding('utf8')
    let answer = ''
    socket.on('data', (part: string) => {
      answer += part
      if (/errno=-?\d+\n\n$/.test(answer)) socket.end()
    })
    socket.write(text)
    await once(socket, 'close')
    return answer
  }
}

/** The first CPU that this process may run on. */
function firstCpu(): string {
  try {
    return /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  } catch {
    return '0'
  }
}
