import type { Peer } from '@millrace/core'
import type { Subject } from 'rxjs/internal/Subject'
import type { DestinationRefusal } from '../egress/destination-policy.ts'
import type { EgressAddress } from '../egress/egress-options.ts'
import type { FlowEnd, FlowMetrics, FlowProtocol } from '../egress/flow-metrics.ts'
import type { FlowRequest } from './flow-gate.ts'
import type { FlowGrant } from './flow-grant.ts'
import type { FlowRefusal } from './refusal.ts'

/** Flows are being refused. At most one a second for each reason. */
export interface FlowsRefused {
  readonly type: 'flows-refused'
  readonly reason: FlowRefusal
  /** What the policy says, where it is the policy. */
  readonly destination: DestinationRefusal | undefined
  /** Of the flow that was refused: IANA protocol number. */
  readonly protocol: number
  readonly peer: Peer | undefined
  /** Flows refused since the event before, this one included. */
  readonly refused: number
}

/** The system does not let us have an egress address: flows of it fail, and go out from no other. At most one a second. */
export interface EgressAddressFailed {
  readonly type: 'egress-address-failed'
  readonly address: string
  /** The system's: `EADDRNOTAVAIL`. */
  readonly code: string
  /** Flows failed since the event before, this one included. */
  readonly failures: number
}

export type SocketsEvent = FlowsRefused | EgressAddressFailed

interface Tally {
  count: number
  toldAt: number
}

const INTERVAL = 1000

/** Counts what becomes of flows, and tells now and then of those that failed on our side. */
export class FlowNotes {
  readonly #metrics: FlowMetrics
  readonly #events: Subject<SocketsEvent>
  readonly #tallies = new Map<string, Tally>()
  #failures = 0

  constructor(metrics: FlowMetrics, events: Subject<SocketsEvent>) {
    this.#metrics = metrics
    this.#events = events
  }

  /** Flows that failed because the system did not let us have the egress address. */
  get addressFailures(): number {
    return this.#failures
  }

  opened({ egress, request }: FlowGrant): void {
    this.#metrics.opened(egress.index, protocolOf(request), nameOf(request))
  }

  /** The server has answered, after so many milliseconds. */
  connected(duration: number): void {
    this.#metrics.connected(duration)
  }

  closed({ egress, request }: FlowGrant, end: FlowEnd, sent: number, received: number): void {
    const name = nameOf(request)
    this.#metrics.transferred(name, sent, received)
    this.#metrics.closed(egress.index, protocolOf(request), name, end)
  }

  refused(reason: FlowRefusal, destination: DestinationRefusal | undefined, request: FlowRequest, now: number): void {
    const { protocol, peer } = request
    this.#metrics.refused(destination ?? reason, nameOf(request))
    const refused = this.#tally(destination ?? reason, now)
    if (refused > 0) this.#events.next({ type: 'flows-refused', reason, destination, protocol, peer, refused })
  }

  addressFailed({ address }: EgressAddress, code: string, now: number): void {
    this.#failures++
    const failures = this.#tally(address, now)
    if (failures > 0) this.#events.next({ type: 'egress-address-failed', address, code, failures })
  }

  /** How many to tell of now, or 0. The names come from short lists. */
  #tally(name: string, now: number): number {
    const tally = this.#tallies.get(name) ?? { count: 0, toldAt: Number.NEGATIVE_INFINITY }
    this.#tallies.set(name, tally)
    tally.count++
    if (now - tally.toldAt < INTERVAL) return 0
    const { count } = tally
    tally.count = 0
    tally.toldAt = now
    return count
  }
}

function protocolOf({ protocol }: FlowRequest): FlowProtocol {
  return protocol === 6 ? 'tcp' : protocol === 17 ? 'udp' : 'icmp'
}

/** Where packets have no peer, all of them are one. */
function nameOf({ peer }: FlowRequest): string {
  return peer?.name ?? ''
}
