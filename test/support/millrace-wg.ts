import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { Namespace } from './netns.ts'

export const MILLRACE_WG: string = fileURLToPath(new URL('../../packages/millrace/dist/cli/wg.js', import.meta.url))
/** The command as it is installed. */
export const MILLRACE_WG_COMMAND: string = fileURLToPath(
  new URL('../../packages/millrace/bin/millrace-wg', import.meta.url),
)
const WITHIN = { timeout: 10_000, interval: 20 }

/** `millrace-wg NAME` in a namespace, run until it says by its exit that the interface is ready. */
export class WgDaemon {
  readonly name: string
  readonly namespace: Namespace
  readonly pid: number

  private constructor(name: string, namespace: Namespace, pid: number) {
    this.name = name
    this.namespace = namespace
    this.pid = pid
  }

  static async start(name: string, namespace: Namespace, command = [MILLRACE_WG_COMMAND]): Promise<WgDaemon> {
    const before = new Set(namespace.pids)
    await namespace.exec(...command, name)
    return WgDaemon.running(name, namespace, before)
  }

  /** One that something else has started. */
  static running(name: string, namespace: Namespace, before: ReadonlySet<number>): WgDaemon {
    const pids = namespace.pids.filter((pid) => !before.has(pid) && commandOf(pid).includes(MILLRACE_WG))
    expect(pids).toHaveLength(1)
    return new WgDaemon(name, namespace, pids[0] as number)
  }

  /** UDP ports that are open in its namespace. */
  get ports(): readonly number[] {
    const lines = this.namespace.run('ss', '-Hlun').split('\n').filter(Boolean)
    return [...new Set(lines.map((line) => Number(/:(\d+) /.exec(line)?.[1])))]
  }

  get hasSocket(): boolean {
    return existsSync(socketOf(this.name))
  }

  show(part: string): string {
    return this.namespace.run('wg', 'show', this.name, part).trim()
  }

  /** Waits until process, interface and control socket are gone. */
  async ended(): Promise<void> {
    await expect.poll(() => this.namespace.pids.includes(this.pid), WITHIN).toBe(false)
    expect(this.hasSocket).toBe(false)
    expect(this.namespace.run('ip', '-br', 'link')).not.toContain(this.name)
  }
}

export function socketOf(name: string): string {
  return `/var/run/wireguard/${name}.sock`
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // It has ended.
  }
}
