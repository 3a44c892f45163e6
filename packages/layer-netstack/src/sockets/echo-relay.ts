import type { Clock } from '@millrace/core'
import type { Echo, EchoListener } from '../icmp/echo.ts'
import { icmpProtocol } from '../icmp/messages.ts'
import type { FlowGate } from './flow-gate.ts'
import type { FlowGrant } from './flow-grant.ts'
import type { GatewayAddresses } from './gateway-addresses.ts'
import type { Pings, ReplyListener } from './pings.ts'

/** The drop of what cannot be relayed, as the system allows no ping sockets. */
export const PING_UNAVAILABLE = 'ping-unavailable'

/** What the relay stands on. */
export interface EchoRelayParts {
  readonly gate: FlowGate
  readonly clock: Clock
  /** The addresses that answer themselves. */
  readonly gateway: GatewayAddresses
  /** To be called when something is to be sent to a client. */
  readonly wake: () => void
  /** Counts what went no further outside of a batch. */
  readonly drop: (reason: string) => void
}

interface PingFlow {
  readonly destination: Uint8Array
  readonly grant: FlowGrant
  sent: number
  received: number
}

/**
 * Relays the echo requests of clients to ping sockets. What nobody answers is not answered, but for the gateway's own
 * addresses, which keep no flow for it.
 */
export class EchoRelay implements EchoListener {
  readonly #parts: EchoRelayParts
  readonly #echo: Echo
  readonly #pings: Pings | string
  readonly #flows = new Map<number, PingFlow>()

  /** `make` is given the listener of the `Echo` that it returns; `open` that of the pings. */
  constructor(
    parts: EchoRelayParts,
    make: (listener: EchoListener) => Echo,
    open: (listener: ReplyListener) => Pings | string,
  ) {
    this.#parts = parts
    this.#echo = make(this)
    this.#pings = open((flow, sequence, payload) => this.#reply(flow, sequence, payload))
  }

  get machine(): Echo {
    return this.#echo
  }

  /** Why there are no ping sockets, or undefined. */
  get unavailable(): string | undefined {
    return typeof this.#pings === 'string' ? this.#pings : undefined
  }

  opened(): void {}

  echo(handle: number, sequence: number, payload: Uint8Array): string | undefined {
    const now = this.#parts.clock.now()
    const flow = this.#flows.get(handle) ?? this.#begin(handle, now)
    if (flow === undefined || typeof flow === 'string') {
      const reason = flow ?? this.#echo.reply(handle, sequence, payload, now)
      this.#echo.close(handle)
      return reason
    }
    if (typeof this.#pings === 'string') return PING_UNAVAILABLE
    flow.sent += payload.length
    return this.#pings.send(handle, flow.grant.egress, flow.destination, sequence, payload)
  }

  closed(handle: number): void {
    const flow = this.#flows.get(handle)
    this.#flows.delete(handle)
    flow?.grant.end('idle', flow.sent, flow.received, this.#parts.clock.now())
  }

  /** Resolves when the ping sockets are closed. */
  async stop(): Promise<void> {
    const now = this.#parts.clock.now()
    for (const { grant, sent, received } of this.#flows.values()) grant.end('shutdown', sent, received, now)
    this.#flows.clear()
    if (typeof this.#pings !== 'string') await this.#pings.close()
  }

  /** Undefined if the gateway is to answer itself. */
  #begin(handle: number, now: number): PingFlow | string | undefined {
    const ends = this.#echo.ends(handle)
    if (ends === undefined) return 'echo-no-flow'
    const { version: family, clientAddress: client, destination, peer } = ends
    if (this.#parts.gateway.includes(destination)) return undefined
    if (typeof this.#pings === 'string') return PING_UNAVAILABLE
    const request = { protocol: icmpProtocol(family), family, client, destination, port: 0, peer }
    const grant = this.#parts.gate.admit(request, now)
    if (typeof grant === 'string') return grant
    const flow = { destination, grant, sent: 0, received: 0 }
    this.#flows.set(handle, flow)
    return flow
  }

  #reply(handle: number, sequence: number, payload: Uint8Array): void {
    const flow = this.#flows.get(handle)
    if (flow === undefined) return
    flow.received += payload.length
    const reason = this.#echo.reply(handle, sequence, payload, this.#parts.clock.now())
    if (reason === undefined) this.#parts.wake()
    else this.#parts.drop(reason)
  }
}
