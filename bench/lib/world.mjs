// Two network namespaces with a cable between them, and every process that runs in them. Names carry the pid, so that
// two benchmarks do not meet; `remove` ends the processes by their ids and takes the namespaces away.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** Runs a program to its end and resolves to what it printed; rejects with its error output if it fails. */
export function run(command, { timeout = 20_000, env = process.env, signal } = {}) {
  return new Promise((resolve, reject) => {
    const options = { encoding: 'utf8', maxBuffer: 64 << 20, timeout, killSignal: 'SIGKILL', env, signal }
    execFile(command[0], command.slice(1), options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const why = error.killed ? `no end after ${timeout / 1000} s` : stderr || stdout || error.message
      reject(new Error(`${command.join(' ')}: ${why.trim()}`))
    })
  })
}

/** The address of the cable's end in namespace 0 or 1. */
export const outerAddress = (end) => `192.0.2.${end + 1}`

export class World {
  /** For keys, logs and data; gone with the world. */
  folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  #names = [0, 1].map((end) => `millrace-bench-${process.pid}-${end}`)
  #programs = new Set()
  #ending = new AbortController()
  #removed

  /** With this congestion control of TCP, or the kernel's own. */
  async make(congestion) {
    for (const name of this.#names) await run(['ip', 'netns', 'add', name])
    const [a, b] = this.#names
    await run(['ip', 'link', 'add', 'eth0', 'netns', a, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b])
    for (const end of [0, 1]) {
      await this.run(end, ['ip', 'address', 'add', `${outerAddress(end)}/24`, 'dev', 'eth0'])
      const choice = `net.ipv4.tcp_congestion_control=${congestion}`
      if (congestion !== undefined) await this.run(end, ['sysctl', '-qw', choice])
      for (const device of ['lo', 'eth0']) await this.run(end, ['ip', 'link', 'set', device, 'up'])
    }
  }

  /** Runs a program to its end in one namespace. */
  run(end, command, options) {
    return run(this.#inside(end, command), { ...options, signal: this.#ending.signal })
  }

  /** Starts a program that stays, in one namespace. `ip netns exec` becomes the program: the pid is the program's own. */
  start(end, command, env = {}) {
    this.#ending.signal.throwIfAborted()
    const log = join(this.folder, `${this.#programs.size}-${Date.now()}.log`)
    const file = openSync(log, 'a')
    const [first, ...rest] = this.#inside(end, command)
    const child = spawn(first, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', file] })
    closeSync(file)
    const program = new Program(child, command, log)
    this.#programs.add(program)
    void program.exit.then(() => this.#programs.delete(program))
    return program
  }

  remove() {
    this.#removed ??= this.#remove()
    return this.#removed
  }

  async #remove() {
    this.#ending.abort(new Error('the benchmark ends'))
    await Promise.all([...this.#programs].map((program) => program.stop()))
    for (const name of this.#names) await run(['ip', 'netns', 'del', name]).catch(() => {}) // it may never have been made
    rmSync(this.folder, { recursive: true, force: true })
  }

  #inside(end, command) {
    return ['ip', 'netns', 'exec', this.#names[end], ...command]
  }
}

/** A running program and what it has printed. */
class Program {
  stdout = ''
  #child
  #command
  #log

  constructor(child, command, log) {
    this.#child = child
    this.#command = command
    this.#log = log
    this.exit = once(child, 'exit')
    child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
  }

  get pid() {
    return this.#child.pid
  }

  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Waits until `condition` holds; throws with the program's error output when it ends before that or never does. */
  async until(condition, { timeout = 20_000, interval = 2 } = {}) {
    const deadline = performance.now() + timeout
    while (!(await condition())) {
      if (this.ended || performance.now() > deadline) {
        const what = this.ended ? 'ended too early' : 'was not ready in time'
        throw new Error(`${this.#command.join(' ')} ${what}\n${readFileSync(this.#log, 'utf8').slice(-2000)}`)
      }
      await pause(interval)
    }
  }

  signal(name) {
    this.#child.kill(name)
  }

  /** Asks it to end, and makes it after two seconds. */
  async stop() {
    if (this.ended) return
    this.#child.kill('SIGTERM')
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 2000)
    await this.exit
    clearTimeout(impatience)
  }
}
