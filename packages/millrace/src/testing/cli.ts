import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The built command line (`tsc -b`). */
export const CLI: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built command line to its end. */
export function millrace(args: readonly string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...env } })
    const out: string[] = []
    const err: string[] = []
    child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout: out.join(''), stderr: err.join('') }))
    child.stdin.on('error', () => {}) // It may end before it has read.
    child.stdin.end(input)
  })
}
