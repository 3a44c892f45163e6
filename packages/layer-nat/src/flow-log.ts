import { type Clock, TokenBucket, type TokenBucketOptions } from '@millrace/core'
import type { Owner } from './accounts.ts'
import type { FlowEnd } from './flow-counts.ts'
import type { NatEnd, NatMapping, SessionView } from './session-view.ts'

/**
 * Begin and end of each session, as a line of JSON without a line break. At no higher rate than it is given: what is lost
 * is counted, and the next line that goes out is preceded by one that says how many are missing.
 */
export class FlowLog {
  readonly #write: (line: string) => void
  readonly #bucket: TokenBucket
  readonly #view: SessionView
  readonly #clock: Clock
  #lost = 0
  #toldLost = 0

  constructor(write: (line: string) => void, rate: TokenBucketOptions, view: SessionView, clock: Clock) {
    this.#write = write
    this.#bucket = new TokenBucket(rate)
    this.#view = view
    this.#clock = clock
  }

  /** Lines that were not written. */
  get lost(): number {
    return this.#lost
  }

  opened(session: number, now: number): void {
    if (this.#mayWrite(now)) this.#record({ event: 'open', ...endsOf(this.#view.describe(session, now)) })
  }

  /** To be called when the session has been removed, as the writer may look at the table, but can still be read. */
  closed(session: number, owner: Owner, reason: FlowEnd, now: number): void {
    if (!this.#mayWrite(now)) return
    const mapping = this.#view.describe(session, now, owner)
    const { age, up, down } = mapping
    this.#record({ event: 'close', ...endsOf(mapping), reason, milliseconds: Math.round(age), up, down })
  }

  #mayWrite(now: number): boolean {
    if (this.#bucket.take(now)) return true
    this.#lost++
    return false
  }

  #record(fields: Record<string, unknown>): void {
    const missing = this.#lost - this.#toldLost
    if (missing > 0 && this.#line({ event: 'lost', lines: missing })) this.#toldLost += missing
    if (!this.#line(fields)) this.#lost++
  }

  /** False if the writer throws, which must not stop the packets. */
  #line(fields: Record<string, unknown>): boolean {
    try {
      this.#write(JSON.stringify({ time: new Date(this.#clock.wall()).toISOString(), ...fields }))
      return true
    } catch {
      return false
    }
  }
}

function endsOf({ peer, protocol, inside, outside, remote }: NatMapping): Record<string, unknown> {
  const name = typeof peer === 'string' ? peer : peer.name
  return { peer: name, protocol, inside: textOf(inside), outside: textOf(outside), remote: textOf(remote) }
}

function textOf({ address, port }: NatEnd): string {
  return `${address}:${port}`
}
