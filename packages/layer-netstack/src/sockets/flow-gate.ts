import { formatAddress, type Peer, type Random } from '@millrace/core'
import { destinationKey } from '../egress/destination-key.ts'
import type { DestinationPolicy, DestinationRefusal } from '../egress/destination-policy.ts'
import type { EgressAddresses } from '../egress/egress-addresses.ts'
import type { EgressAddress } from '../egress/egress-options.ts'
import type { OpenFlow } from '../egress/flow-ticket.ts'
import type { FlowLimits, LimitOwner } from '../egress/limits.ts'
import type { PortAllocator } from '../egress/port-allocator.ts'
import { FlowGrant } from './flow-grant.ts'
import type { FlowNotes } from './flow-notes.ts'
import type { NameService } from './name-service.ts'
import type { FlowRefusal } from './refusal.ts'

/** Who wants to go where. Addresses have 4 or 16 bytes. */
export interface FlowRequest {
  /** IANA number. */
  readonly protocol: number
  readonly family: 4 | 6
  readonly client: Uint8Array
  readonly destination: Uint8Array
  /** 0 where the protocol has none. */
  readonly port: number
  readonly peer: Peer | undefined
  /** To the gateway's name server, about which the policy is not asked. */
  readonly isService?: boolean
}

/** What decides about flows. */
export interface FlowGateParts {
  readonly policy: DestinationPolicy
  readonly addresses: EgressAddresses
  readonly limits: FlowLimits
  /** Of an egress address and IANA protocol; undefined for protocols without ports. */
  readonly portsOf: (address: EgressAddress, protocol: number) => PortAllocator | undefined
  readonly random: Random
  readonly notes: FlowNotes
  readonly names: NameService | undefined
}

const TCP = 6

/** What every flow passes before anything of it goes out: destination, limits, egress address and port, in this order. */
export class FlowGate {
  readonly notes: FlowNotes
  /** Undefined where the gateway offers none. */
  readonly names: NameService | undefined
  readonly #parts: FlowGateParts

  constructor(parts: FlowGateParts) {
    this.#parts = parts
    this.notes = parts.notes
    this.names = parts.names
  }

  /** What the flow may use, to be ended by its owner; or why it may not begin. */
  admit(request: FlowRequest, now: number): FlowGrant | FlowRefusal {
    const { destination, port, protocol } = request
    const forbidden = this.forbids(request, now)
    if (forbidden !== undefined) return forbidden
    const key = destinationKey(destination, port)
    const owner = request.peer ?? formatAddress(request.client, 0, request.family)
    const ticket = this.#parts.limits.open(owner, key, now, protocol === TCP)
    const grant = typeof ticket === 'string' ? ticket : this.#place(request, owner, key, ticket, now)
    if (typeof grant !== 'string') {
      this.notes.opened(grant)
      return grant
    }
    if (typeof ticket !== 'string') ticket.close(now)
    this.notes.refused(grant, undefined, request, now)
    return grant
  }

  /** Whether nothing may go there at all: why not, or undefined. Also for what joins a flow that exists. */
  forbids(request: FlowRequest, now: number): FlowRefusal | undefined {
    const { destination, port, protocol, isService } = request
    if (isService === true) return undefined
    const refusal = this.#parts.policy.refusal(destination, port, protocol, now)
    if (refusal === undefined) return undefined
    const reason = reasonOf(refusal)
    this.notes.refused(reason, refusal, request, now)
    return reason
  }

  #place(request: FlowRequest, owner: LimitOwner, key: string, ticket: OpenFlow, now: number): FlowGrant | FlowRefusal {
    const { addresses, random, portsOf } = this.#parts
    const start = random.uint32()
    const named = typeof owner === 'string' ? { name: owner } : owner
    for (let attempt = 0; ; attempt++) {
      const egress = addresses.choose(named, request.family, attempt, start)
      if (typeof egress === 'string') return egress
      const ports = portsOf(egress, request.protocol)
      const port = ports === undefined ? 0 : ports.take(key, now)
      if (port >= 0) return new FlowGrant({ request, owner, egress, key, ticket, notes: this.notes, ports, port })
    }
  }
}

function reasonOf(refusal: DestinationRefusal): FlowRefusal {
  return refusal === 'gateway-address' ? refusal : 'destination-refused'
}
