import type { IpPacket, Peer } from '@millrace/core'
import type { Observable } from 'rxjs'
import { Subject } from 'rxjs/internal/Subject'

/**
 * What has run out: the table, a peer's share of it, the rate or the ports it may have, the ports (for a destination,
 * with TCP), the port blocks, or the outside addresses: none is meant for the peer, or all are being drained.
 */
export type NatResource = 'sessions' | 'peer-sessions' | 'peer-rate' | 'peer-ports' | 'ports' | 'blocks' | 'addresses'

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
  ['peer-rate-exceeded', 'peer-rate'],
  ['peer-ports-exhausted', 'peer-ports'],
  ['ports-exhausted', 'ports'],
  ['blocks-exhausted', 'blocks'],
  ['no-outside-address', 'addresses'],
])
const INTERVAL = 1000

/** Counts refused packets by what had run out, and tells of it now and then. */
export class Exhaustion {
  readonly #events = new Subject<NatEvent>()
  readonly #total: Record<NatResource, number> = none()
  readonly #told: Record<NatResource, number> = none()
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

function none(): Record<NatResource, number> {
  return { sessions: 0, 'peer-sessions': 0, 'peer-rate': 0, 'peer-ports': 0, ports: 0, blocks: 0, addresses: 0 }
}
