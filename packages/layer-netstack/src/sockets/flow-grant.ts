import { formatAddress } from '@millrace/core'
import type { EgressAddress } from '../egress/egress-options.ts'
import type { FlowEnd } from '../egress/flow-metrics.ts'
import type { OpenFlow } from '../egress/flow-ticket.ts'
import type { LimitOwner } from '../egress/limits.ts'
import type { PortAllocator } from '../egress/port-allocator.ts'
import type { FlowRequest } from './flow-gate.ts'
import type { FlowNotes } from './flow-notes.ts'

export interface FlowGrantParts {
  readonly request: FlowRequest
  readonly owner: LimitOwner
  readonly egress: EgressAddress
  /** Of the destination, for the ports. */
  readonly key: string
  readonly ticket: OpenFlow
  readonly notes: FlowNotes
  readonly ports: PortAllocator | undefined
  readonly port: number
}

/** What a flow may use as long as it lasts: an egress address, a port of it, and a place within the limits. */
export class FlowGrant {
  readonly #parts: FlowGrantParts
  #port: number
  #isOver = false

  constructor(parts: FlowGrantParts) {
    this.#parts = parts
    this.#port = parts.port
  }

  get request(): FlowRequest {
    return this.#parts.request
  }

  /** Whose it is. */
  get owner(): LimitOwner {
    return this.#parts.owner
  }

  get egress(): EgressAddress {
    return this.#parts.egress
  }

  /** The source port; 0 where the protocol has none. */
  get port(): number {
    return this.#port
  }

  /** Text. Allocates. */
  get destination(): string {
    const { destination, family } = this.#parts.request
    return formatAddress(destination, 0, family)
  }

  /** Another port, because the system did not let us have this one. False if there is none. */
  anotherPort(now: number): boolean {
    const { ports, key } = this.#parts
    const port = ports?.take(key, now) ?? -1
    if (port < 0) return false
    ports?.failed(key, this.#port, now)
    this.#port = port
    return true
  }

  /** The server has answered, after so many milliseconds. */
  connected(duration: number): void {
    this.#parts.ticket.dialled()
    this.#parts.notes.connected(duration)
  }

  /** The system does not let us have the egress address. */
  addressFailed(code: string, now: number): void {
    this.#parts.notes.addressFailed(this.#parts.egress, code, now)
  }

  /** Gives everything back; `sent` and `received` in bytes, seen from the client. */
  end(how: FlowEnd, sent: number, received: number, now: number): void {
    if (this.#isOver) return
    this.#isOver = true
    const { ports, key, ticket, notes } = this.#parts
    ports?.release(key, this.#port, now)
    ticket.close(now)
    notes.closed(this, how, sent, received)
  }
}
