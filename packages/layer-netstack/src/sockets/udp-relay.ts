import type { Clock, IcmpErrorKind } from '@millrace/core'
import type { UdpListener, UdpRemote } from '../udp/listener.ts'
import type { Udp } from '../udp/udp.ts'
import type { FlowGate } from './flow-gate.ts'
import { UdpFlow, type UdpFlowOwner } from './udp-flow.ts'
import type { OutletRemote, UdpOutlets } from './udp-outlet.ts'

/** What the relay stands on. */
export interface UdpRelayParts {
  readonly gate: FlowGate
  readonly outlets: UdpOutlets
  readonly clock: Clock
  /** To be called when something is to be sent to a client. */
  readonly wake: () => void
  /** Counts what went no further outside of a batch. */
  readonly drop: (reason: string, datagrams?: number) => void
}

const ERRORS: Readonly<Record<string, IcmpErrorKind>> = {
  ECONNREFUSED: 'port-unreachable',
  EHOSTUNREACH: 'host-unreachable',
  ENETUNREACH: 'network-unreachable',
  EACCES: 'admin-prohibited',
  EPERM: 'admin-prohibited',
}

/**
 * Relays datagrams of clients to sockets: one for each address and port of a client, whomever it sends to (RFC 4787
 * REQ-1). What comes back goes to the client that the socket is of and no other, if the filter of `Udp` lets it.
 */
export class UdpRelay implements UdpListener, UdpFlowOwner {
  readonly gate: FlowGate
  readonly isConnected: boolean
  readonly outlets: UdpOutlets
  readonly #udp: Udp
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #drop: (reason: string, datagrams?: number) => void
  readonly #flows = new Map<number, UdpFlow>()

  /**
   * `isConnected`: whether each destination of a client's port has a socket of its own, so that the system tells of ICMP
   * errors. `make` is given the listener of the `Udp` that it returns.
   */
  constructor(isConnected: boolean, parts: UdpRelayParts, make: (listener: UdpListener) => Udp) {
    this.gate = parts.gate
    this.isConnected = isConnected
    this.outlets = parts.outlets
    this.#clock = parts.clock
    this.#wake = parts.wake
    this.#drop = parts.drop
    this.#udp = make(this)
  }

  get udp(): Udp {
    return this.#udp
  }

  opened(): void {}

  datagram(handle: number, remote: UdpRemote, bytes: Uint8Array): string | undefined {
    const flow = this.#flows.get(handle) ?? this.#begin(handle)
    if (flow === undefined) return 'udp-no-flow'
    const reason = flow.send(remote, bytes, this.#clock.now())
    // What is refused from the first holds no place.
    if (flow.isEmpty) {
      this.#flows.delete(handle)
      this.#udp.close(handle)
    }
    return reason
  }

  /** A client does not want what came for it; the socket has taken it off the network already. */
  error(): void {}

  closed(handle: number): void {
    this.#flows.get(handle)?.close('idle', this.#clock.now())
    this.#flows.delete(handle)
  }

  received(flow: UdpFlow, bytes: Uint8Array, address: Uint8Array, port: number, segmentSize: number): void {
    const reason = this.#udp.send(flow.handle, address, port, bytes, this.#clock.now(), segmentSize)
    if (reason === undefined) this.#wake()
    else this.#drop(reason, segmentSize > 0 ? Math.ceil(bytes.length / segmentSize) : 1)
  }

  failed(flow: UdpFlow, code: string, to: OutletRemote | undefined, datagrams: number): void {
    if (datagrams > 0) this.#drop('udp-not-delivered', datagrams)
    const kind = ERRORS[code]
    if (kind === undefined || to === undefined) return
    if (this.#udp.reportError(flow.handle, to.address, to.port, kind, this.#clock.now())) this.#wake()
  }

  /** The bytes of datagrams need not stay as they are any longer. */
  flush(): void {
    this.outlets.flush()
  }

  /** Closes all sockets. Resolves when they are. */
  async stop(): Promise<void> {
    for (const flow of this.#flows.values()) flow.close('shutdown', this.#clock.now())
    this.#flows.clear()
    await this.outlets.stop()
  }

  #begin(handle: number): UdpFlow | undefined {
    const client = this.#udp.client(handle)
    if (client === undefined) return undefined
    const flow = new UdpFlow(this, handle, client)
    this.#flows.set(handle, flow)
    return flow
  }
}
