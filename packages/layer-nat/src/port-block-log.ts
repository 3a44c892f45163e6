import type { Owner } from './accounts.ts'
import { nameOf } from './egress.ts'
import type { LineLog } from './line-log.ts'

/** All that blocks are drawn for. */
const PROTOCOLS = ['tcp', 'udp', 'icmp'] as const

/** Who is given which ports, and when they are taken back: who it was, of those behind one address (RFC 6888 §4). */
export class PortBlockLog {
  readonly #log: LineLog

  constructor(log: LineLog) {
    this.#log = log
  }

  write(event: 'alloc' | 'free', owner: Owner, address: number, first: number, last: number, now: number): void {
    if (!this.#log.mayWrite(now)) return
    this.#log.record({ event, peer: nameOf(owner), address: nameOf(address), protocols: PROTOCOLS, first, last })
  }
}
