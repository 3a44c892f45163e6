import type { Clock } from '@millrace/core'
import type { FlowEnd } from '../egress/flow-metrics.ts'
import type { CloseCause, TcpListener } from '../tcp/listener.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { Deadlines } from './deadlines.ts'
import { ADDRESS_FAILED, answerTo, endOfClient, endOfDial } from './flow-end.ts'
import type { FlowGate } from './flow-gate.ts'
import { MemoryPressure } from './memory-pressure.ts'
import { rejectionFor } from './refusal.ts'
import { TcpFlow } from './tcp-flow.ts'
import type { TcpFlowOwner } from './tcp-flow-owner.ts'
import type { DialFailure, TcpOutlets } from './tcp-outlet.ts'
import type { TcpRelayOptions, TcpRelayParts } from './tcp-relay-parts.ts'
import { tcpRequest } from './tcp-request.ts'

/** Source ports tried for one flow: one may be another program's, or rest in the system. */
const PORT_TRIES = 8
/** How long what a client has sent may wait for a server that takes nothing, once both have ended. Milliseconds. */
const LINGER = 300_000

/**
 * Relays the connections of clients to sockets. It dials first, and answers the client's SYN when the server has answered:
 * what is closed looks closed. RSTs, ends of streams and slowness pass from one side to the other.
 */
export class TcpRelay implements TcpListener, TcpFlowOwner {
  readonly outlets: TcpOutlets
  readonly #tcp: Tcp
  readonly #wake: () => void
  readonly #gate: FlowGate
  readonly #clock: Clock
  readonly #pressure: MemoryPressure
  /** By the handle of the connection to the client. */
  readonly #flows = new Map<number, TcpFlow>()
  /** Those whose server has not answered yet. */
  readonly #dialling: Deadlines<TcpFlow>
  /** All that have a socket. */
  readonly #sockets = new Set<TcpFlow>()
  /** Those of which nothing is left but what the server does not take. */
  readonly #lingering = new Deadlines<TcpFlow>(LINGER)
  #isStopped = false
  #onClosed: (() => void) | undefined

  constructor({ dialTimeout, memory }: TcpRelayOptions, { tcp, outlets, gate, clock, wake }: TcpRelayParts) {
    this.outlets = outlets
    this.#tcp = tcp
    this.#wake = wake
    this.#gate = gate
    this.#clock = clock
    this.#dialling = new Deadlines(dialTimeout)
    this.#pressure = new MemoryPressure(tcp, outlets, memory)
  }

  /** When to call `advance`, milliseconds, or Infinity. */
  get deadline(): number {
    return Math.min(this.#pressure.deadline, this.#lingering.next, this.#dialling.next)
  }

  /** Ends the dials that have lasted too long, flows that keep the memory from others, and those nobody waits for. */
  advance(now: number): void {
    if (now >= this.#pressure.deadline) {
      for (const flow of this.#pressure.look(this.#flows.values(), now)) this.#evict(flow)
    }
    for (let flow = this.#lingering.take(now); flow !== undefined; flow = this.#lingering.take(now)) {
      this.#abort(flow, 'idle')
      flow.reset()
    }
    for (let flow = this.#dialling.take(now); flow !== undefined; flow = this.#dialling.take(now)) {
      flow.cancel()
      this.#giveUp(flow, 'ETIMEDOUT')
    }
  }

  incoming(handle: number): void {
    const ends = this.#tcp.endpoints(handle)
    if (ends === undefined) return
    const now = this.#clock.now()
    const grant = this.#gate.admit(tcpRequest(ends, this.#gate.names), now)
    if (typeof grant === 'string') {
      this.#tcp.reject(handle, rejectionFor(grant))
      return
    }
    this.#pressure.notice(now)
    const flow = new TcpFlow(this, handle, grant, now)
    this.#flows.set(handle, flow)
    this.#dialling.add(flow, now)
    this.#dial(flow)
  }

  established(): void {}

  readable(handle: number): void {
    this.#flows.get(handle)?.readable()
  }

  writable(handle: number): void {
    this.#flows.get(handle)?.writable()
  }

  closed(handle: number, cause: CloseCause): void {
    const flow = this.#flows.get(handle)
    if (flow === undefined) return
    this.#flows.delete(handle)
    flow.ending ??= endOfClient(cause)
    flow.clientClosed(cause)
    this.#settle(flow)
  }

  connected(flow: TcpFlow): void {
    this.#dialling.delete(flow)
    flow.grant.connected(this.#clock.now() - flow.dialledAt)
    this.#tcp.accept(flow.handle)
    this.#wake()
  }

  failed(flow: TcpFlow, { code, isAddress }: DialFailure): void {
    const now = this.#clock.now()
    // Connecting fails with EADDRNOTAVAIL where this port and this destination are a pair already.
    const isPort = !isAddress && (code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL')
    if (isAddress) flow.grant.addressFailed(code, now)
    if (isPort && flow.tries < PORT_TRIES && flow.grant.anotherPort(now)) this.#dial(flow)
    else this.#giveUp(flow, isAddress ? ADDRESS_FAILED : code)
    this.#wake()
  }

  stalled(): void {
    this.#pressure.notice(this.#clock.now())
    this.#wake()
  }

  lingers(flow: TcpFlow): void {
    this.#lingering.add(flow, this.#clock.now())
    this.#wake()
  }

  finished(flow: TcpFlow, isBroken: boolean): void {
    if (isBroken) this.#abort(flow, 'rst_remote')
    this.#settle(flow)
  }

  /** Ends all flows; the RSTs that tell the clients are still to be sent. Resolves when all sockets are closed. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const flow of [...this.#flows.values()]) {
      if (!flow.isOpen) flow.cancel()
      this.#abort(flow, 'shutdown')
      this.#settle(flow)
    }
    for (const flow of [...this.#sockets]) flow.reset()
    if (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onClosed = resolve
      })
    }
    await this.outlets.stop()
  }

  #dial(flow: TcpFlow): void {
    this.#sockets.add(flow)
    flow.dial()
  }

  /** There is no socket, and will be none. */
  #giveUp(flow: TcpFlow, code: string): void {
    flow.ending ??= endOfDial(code)
    this.#tcp.reject(flow.handle, answerTo(code))
    this.#flows.delete(flow.handle)
    flow.handle = -1
    this.#settle(flow)
  }

  #evict(flow: TcpFlow): void {
    this.#abort(flow, 'quota')
    if (flow.isOpen) flow.reset()
    else flow.cancel()
    this.#settle(flow)
  }

  #abort(flow: TcpFlow, ending: FlowEnd): void {
    if (flow.handle < 0) return
    flow.ending ??= ending
    this.#tcp.abort(flow.handle)
    this.#flows.delete(flow.handle)
    flow.handle = -1
    this.#wake()
  }

  /** A flow is over when both its sides are. */
  #settle(flow: TcpFlow): void {
    if (flow.hasSocket) return
    this.#sockets.delete(flow)
    this.#lingering.delete(flow)
    if (this.#isStopped && this.#sockets.size === 0) this.#onClosed?.()
    if (flow.handle >= 0) return
    this.#dialling.delete(flow)
    flow.grant.end(flow.ending ?? 'fin', flow.sent, flow.received, this.#clock.now())
  }
}
