import type { FlowEnd } from '../egress/flow-metrics.ts'
import type { CloseCause } from '../tcp/listener.ts'
import type { FlowGrant } from './flow-grant.ts'
import type { TcpFlowOwner } from './tcp-flow-owner.ts'
import { type DialFailure, isFailure, type TcpOutlet, type TcpOutletOwner } from './tcp-outlet.ts'

/** One connection of a client to a server: on this side a connection of our TCP, on the other an outlet. */
export class TcpFlow implements TcpOutletOwner {
  readonly grant: FlowGrant
  readonly dialledAt: number
  /** Of the connection to the client; -1 once that is over. */
  handle: number
  /** How it ended, once one of its sides has. */
  ending: FlowEnd | undefined
  /** Whether the server has answered. */
  isOpen = false
  /** Dials so far. */
  tries = 0
  sent = 0
  received = 0
  /** For {@link MemoryPressure}: what had come through when it looked last. */
  movedBefore: number | undefined
  readonly #owner: TcpFlowOwner
  #outlet: TcpOutlet | undefined

  constructor(owner: TcpFlowOwner, handle: number, grant: FlowGrant, now: number) {
    this.#owner = owner
    this.handle = handle
    this.grant = grant
    this.dialledAt = now
  }

  get hasSocket(): boolean {
    return this.#outlet !== undefined
  }

  /** Bytes of memory outside of the TCP, because one side keeps the other waiting. */
  get held(): number {
    return this.#outlet?.held ?? 0
  }

  /** Whether one side keeps the other waiting. */
  get isBlocked(): boolean {
    return this.#outlet?.isBlocked ?? false
  }

  /** Dials as the grant says. It may be called again after it has failed. */
  dial(): void {
    this.tries++
    const dialled = this.#owner.outlets.dial(this)
    if (isFailure(dialled)) this.#owner.failed(this, dialled)
    else this.#outlet = dialled
  }

  /** Gives up on the dial under way. */
  cancel(): void {
    const outlet = this.#outlet
    this.#outlet = undefined
    outlet?.cancel()
  }

  /** The client has sent something, or its end of the stream. */
  readable(): void {
    if (this.isOpen) this.#outlet?.readable()
  }

  /** The TCP takes something again. */
  writable(): void {
    this.#outlet?.writable()
  }

  /** The connection to the client is over. */
  clientClosed(cause: CloseCause): void {
    this.handle = -1
    if (!this.isOpen) this.cancel()
    else if (cause === 'finished') this.#outlet?.finish()
    else this.reset()
  }

  /** Ends the socket at once, and lets the server know. */
  reset(): void {
    this.#outlet?.reset()
  }

  connected(): void {
    this.isOpen = true
    this.#owner.connected(this)
  }

  failed(failure: DialFailure): void {
    this.#outlet = undefined
    this.#owner.failed(this, failure)
  }

  stalled(): void {
    this.#owner.stalled()
  }

  lingers(): void {
    this.#owner.lingers(this)
  }

  closed(isBroken: boolean): void {
    this.#outlet = undefined
    this.#owner.finished(this, isBroken)
  }
}
