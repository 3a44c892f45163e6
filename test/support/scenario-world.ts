import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Namespace } from './netns.ts'
import { removeSocket } from './scenario-daemon.ts'
import { ScenarioEnd } from './scenario-end.ts'
import type { Pairing } from './scenario-programs.ts'

/**
 * Three namespaces and two interfaces: `a` ends up in `first`, `b` in `second`. What lies between is for the scenario
 * to lay: `middle` has a loopback device that both can use, if they are started there.
 */
export class ScenarioWorld {
  readonly first: Namespace = new Namespace('first')
  readonly middle: Namespace = new Namespace('middle')
  readonly second: Namespace = new Namespace('second')
  readonly folder: string = mkdtempSync(join(tmpdir(), 'millrace-'))
  readonly a: ScenarioEnd
  readonly b: ScenarioEnd

  constructor({ first, second }: Pairing) {
    this.a = new ScenarioEnd({ program: first, number: 1, namespace: this.first, folder: this.folder })
    this.b = new ScenarioEnd({ program: second, number: 2, namespace: this.second, folder: this.folder })
  }

  /** Both programs run in the middle, and only their interfaces go to the sides: all that is outer is one loopback. */
  async startInTheMiddle(): Promise<void> {
    for (const end of [this.a, this.b]) {
      await end.start(this.middle)
      end.moveToItsNamespace()
    }
    this.configure()
  }

  /** Each program runs where its interface is. */
  async startAtTheSides(): Promise<void> {
    for (const end of [this.a, this.b]) await end.start(end.namespace)
    this.configure()
  }

  /** Waits until both ends are up, and a ping from `a` has come back. */
  async connect(): Promise<void> {
    for (const end of [this.a, this.b]) await end.listening()
    await this.a.firstPing(this.b.ipv4)
  }

  /** What the programs have printed. */
  get logs(): string {
    const files = readdirSync(this.folder).filter((name) => name.endsWith('.log'))
    return files.map((name) => `${name}:\n${readFileSync(join(this.folder, name), 'utf8')}`).join('\n')
  }

  async close(): Promise<void> {
    const results = await Promise.allSettled([this.first, this.middle, this.second].map((each) => each.remove()))
    for (const end of [this.a, this.b]) removeSocket(end.interface)
    rmSync(this.folder, { recursive: true })
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  configure(): void {
    this.a.configure(this.b)
    this.b.configure(this.a)
  }
}
