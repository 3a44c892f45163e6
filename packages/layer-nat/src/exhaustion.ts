import type { IpPacket, Peer } from '@millrace/core'
import type { Observable } from 'rxjs'
import { Subject } from 'rxjs/internal/Subject'

/** What has run out: the table, a peer's share of it, or the ports (for a destination, with TCP). */
export type NatResource = 'sessions' | 'peer-sessions' | 'ports'

/** New sessions are being refused. At most one a second for each resource. */
export interface NatExhausted {
  readonly type: 'exhausted'
  readonly resource: NatResource
  /** Of the packet that was refused: IANA protocol number. */
  readonly protocol: number
  readonly peer: Peer | undefined
  /** Packets refused since the event before, this one included. */
  readonly refused: number
}

export type NatEvent = NatExhausted

const RESOURCES: ReadonlyMap<string, NatResource> = new Map([
  ['sessions-exhausted', 'sessions'],
  ['peer-sessions-exhausted', 'peer-sessions'],
  ['ports-exhausted', 'ports'],
])
const INTERVAL = 1000

/** Counts refused packets by what had run out, and tells of it now and then. */
export class Exhaustion {
  readonly #events = new Subject<NatEvent>()
  readonly #total: Record<NatResource, number> = { sessions: 0, 'peer-sessions': 0, ports: 0 }
  readonly #told: Record<NatResource, number> = { sessions: 0, 'peer-sessions': 0, ports: 0 }
  readonly #toldAt = new Map<NatResource, number>()

  get events(): Observable<NatEvent> {
    return this.#events.asObservable()
  }

  /** To be called with every drop; one for another reason does nothing. `now` in milliseconds. */
  note(reason: string, packet: IpPacket, now: number): void {
    const resource = RESOURCES.get(reason)
    if (resource === undefined) return
    this.#total[resource]++
    if (now - (this.#toldAt.get(resource) ?? Number.NEGATIVE_INFINITY) < INTERVAL) return
    this.#toldAt.set(resource, now)
    const refused = this.#total[resource] - this.#told[resource]
    this.#told[resource] = this.#total[resource]
    this.#events.next({ type: 'exhausted', resource, protocol: packet.protocol, peer: packet.peer, refused })
  }

  refused(): Readonly<Record<NatResource, number>> {
    return { ...this.#total }
  }
}
