import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../packages/millrace/dist/cli/main.js', import.meta.url))

/** What `millrace proxy --json` says when it is up. */
export interface Ready {
  readonly event: 'ready'
  readonly addresses: readonly string[]
  readonly dns: readonly string[]
  readonly listeners: readonly { readonly option: string; readonly protocol: string; readonly listen: string }[]
}

/** The built `millrace proxy`, in a process of its own. */
export class ProxyProcess {
  readonly #process: ChildProcess
  readonly #closed: Promise<unknown>
  stdout = ''
  stderr = ''

  constructor(...args: readonly string[]) {
    this.#process = spawn(process.execPath, [MAIN, 'proxy', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#closed = once(this.#process, 'close')
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  /** Resolves when there is a line on standard output. */
  async line(): Promise<string> {
    while (!this.stdout.includes('\n')) {
      const data = once(this.#process.stdout as NodeJS.EventEmitter, 'data')
      const ended = await Promise.race([data.then(() => false), this.#closed.then(() => true)])
      if (ended) throw new Error(`it has ended: ${this.stderr}`)
    }
    return this.stdout
  }

  async ready(): Promise<Ready> {
    return JSON.parse(await this.line()) as Ready
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Its exit code, or the signal that ended it. */
  async finished(): Promise<number | NodeJS.Signals | null> {
    await this.#closed
    return this.#process.exitCode ?? this.#process.signalCode
  }
}

export interface Finished {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs a program to its end, with something to read. */
export async function runWith(
  program: string,
  args: readonly string[],
  input: Uint8Array | string = '',
): Promise<Finished> {
  const child = spawn(program, args)
  const out: Buffer[] = []
  const err: string[] = []
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
  child.stdin.on('error', () => {}) // It may end before it has read.
  child.stdin.end(input)
  await once(child, 'close')
  return { code: child.exitCode, stdout: Buffer.concat(out), stderr: err.join('') }
}
