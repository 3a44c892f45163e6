import type { RemoteInfo } from 'node:dgram'
import { type Clock, type IcmpErrorKind, parseAddress } from '@millrace/core'
import type { UdpListener, UdpRemote } from '../udp/listener.ts'
import type { Udp } from '../udp/udp.ts'
import type { FlowGate } from './flow-gate.ts'
import { UdpFlow, type UdpFlowOwner } from './udp-flow.ts'
import type { OutletBuffers, OutletRemote } from './udp-outlet.ts'

/** How a {@link UdpRelay} makes its sockets. */
export interface UdpRelayOptions extends OutletBuffers {
  /** Whether each destination of a client's port has a socket of its own, so that the system tells of ICMP errors. */
  readonly connected: boolean
}

/** What the relay stands on. */
export interface UdpRelayParts {
  readonly gate: FlowGate
  readonly clock: Clock
  /** To be called when something is to be sent to a client. */
  readonly wake: () => void
  /** Counts what went no further outside of a batch. */
  readonly drop: (reason: string) => void
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
  readonly buffers: OutletBuffers
  readonly #udp: Udp
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #drop: (reason: string) => void
  readonly #flows = new Map<number, UdpFlow>()
  #lastText = ''
  #lastAddress: Uint8Array = new Uint8Array(0)
  #sockets = 0
  #onClosed: (() => void) | undefined

  /** `make` is given the listener of the `Udp` that it returns. */
  constructor(options: UdpRelayOptions, parts: UdpRelayParts, make: (listener: UdpListener) => Udp) {
    this.gate = parts.gate
    this.isConnected = options.connected
    this.buffers = options
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

  received(flow: UdpFlow, bytes: Uint8Array, { address, port }: RemoteInfo): void {
    const from = this.#bytesOf(address)
    if (from === undefined) return
    const reason = this.#udp.send(flow.handle, from, port, bytes, this.#clock.now())
    if (reason === undefined) this.#wake()
    else this.#drop(reason)
  }

  failed(flow: UdpFlow, code: string, to: OutletRemote | undefined): void {
    this.#drop('udp-not-delivered')
    const kind = ERRORS[code]
    const address = to && this.#bytesOf(to.address)
    if (kind === undefined || to === undefined || address === undefined) return
    if (this.#udp.reportError(flow.handle, address, to.port, kind, this.#clock.now())) this.#wake()
  }

  socketOpened(): void {
    this.#sockets++
  }

  socketClosed(): void {
    if (--this.#sockets === 0) this.#onClosed?.()
  }

  /** Closes all sockets. Resolves when they are. */
  async stop(): Promise<void> {
    for (const flow of this.#flows.values()) flow.close('shutdown', this.#clock.now())
    this.#flows.clear()
    if (this.#sockets === 0) return
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve
    })
  }

  #begin(handle: number): UdpFlow | undefined {
    const client = this.#udp.client(handle)
    if (client === undefined) return undefined
    const flow = new UdpFlow(this, handle, client)
    this.#flows.set(handle, flow)
    return flow
  }

  /** Of an address as the system writes it; undefined for one with a zone, to which no client has sent. */
  #bytesOf(text: string): Uint8Array | undefined {
    if (text === this.#lastText) return this.#lastAddress
    if (text.includes('%')) return undefined
    this.#lastAddress = parseAddress(text).bytes
    this.#lastText = text
    return this.#lastAddress
  }
}
