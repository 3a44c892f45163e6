import type { Owner } from './accounts.ts'
import type { FlowEnd } from './flow-counts.ts'
import type { LineLog } from './line-log.ts'
import type { NatEnd, NatMapping, SessionView } from './session-view.ts'

/** Begin and end of each session. */
export class FlowLog {
  readonly #log: LineLog
  readonly #view: SessionView

  constructor(log: LineLog, view: SessionView) {
    this.#log = log
    this.#view = view
  }

  opened(session: number, now: number): void {
    if (this.#log.mayWrite(now)) this.#log.record({ event: 'open', ...endsOf(this.#view.describe(session, now)) })
  }

  /** To be called when the session has been removed, as the writer may look at the table, but can still be read. */
  closed(session: number, owner: Owner, reason: FlowEnd, now: number): void {
    if (!this.#log.mayWrite(now)) return
    const mapping = this.#view.describe(session, now, owner)
    const { age, up, down } = mapping
    this.#log.record({ event: 'close', ...endsOf(mapping), reason, milliseconds: Math.round(age), up, down })
  }
}

function endsOf({ peer, protocol, inside, outside, remote }: NatMapping): Record<string, unknown> {
  const name = typeof peer === 'string' ? peer : peer.name
  return { peer: name, protocol, inside: textOf(inside), outside: textOf(outside), remote: textOf(remote) }
}

function textOf({ address, port }: NatEnd): string {
  return `${address}:${port}`
}
