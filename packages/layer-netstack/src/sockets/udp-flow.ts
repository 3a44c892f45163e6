import { UDP } from '@millrace/core'
import { destinationKey } from '../egress/destination-key.ts'
import type { FlowEnd } from '../egress/flow-metrics.ts'
import type { UdpRemote } from '../udp/listener.ts'
import type { UdpClient } from '../udp/udp.ts'
import { AllowedDestinations } from './allowed-destinations.ts'
import type { FlowGate, FlowRequest } from './flow-gate.ts'
import type { NameService } from './name-service.ts'
import type { OutletOwner, OutletRefusal, OutletRemote, UdpOutlet, UdpOutlets } from './udp-outlet.ts'

/** Sockets of one flow, where each destination has one of its own; one more ends the oldest. */
const OUTLETS = 64
/** How a flow has ended that got no socket. */
const ENDS: Readonly<Record<OutletRefusal, FlowEnd>> = {
  'egress-address-failed': 'policy',
  'udp-socket-failed': 'unreachable',
  'ports-exhausted': 'quota',
  'descriptors-exhausted': 'quota',
}
/** The key of the one socket that serves all destinations. */
const ALL = ''

/** What a flow needs of the relay it belongs to, and tells it. */
export interface UdpFlowOwner {
  readonly gate: FlowGate
  readonly outlets: UdpOutlets
  /** Whether each destination has a socket of its own. */
  readonly isConnected: boolean
  received(flow: UdpFlow, bytes: Uint8Array, address: Uint8Array, port: number, segmentSize: number): void
  failed(flow: UdpFlow, code: string, to: OutletRemote | undefined, datagrams: number): void
}

/** What one address and port of a client sends, and the sockets it goes out from. */
export class UdpFlow implements OutletOwner {
  readonly handle: number
  readonly #client: UdpClient
  readonly #owner: UdpFlowOwner
  readonly #allowed = new AllowedDestinations()
  /** By destination, or the one for all; the oldest first. */
  readonly #outlets = new Map<string, UdpOutlet>()

  constructor(owner: UdpFlowOwner, handle: number, client: UdpClient) {
    this.#owner = owner
    this.handle = handle
    this.#client = client
  }

  /** Whether it holds nothing in the system. */
  get isEmpty(): boolean {
    return this.#outlets.size === 0
  }

  /** Returns why it goes no further, or undefined. */
  send(remote: UdpRemote, bytes: Uint8Array, now: number): string | undefined {
    const { names } = this.#owner.gate
    if (names?.isAt(remote.address, remote.port)) return this.#ask(names, remote, bytes, now)
    const { address, port } = remote
    let destination = this.#allowed.find(address, port, now)
    if (destination === undefined) {
      const forbidden = this.#owner.gate.forbids(this.#requestTo(remote), now)
      if (forbidden !== undefined) return forbidden
      destination = this.#allowed.allow(address, port, now)
    }
    const key = this.#owner.isConnected ? destination : ALL
    const outlet = this.#outlets.get(key) ?? this.#open(key, this.#requestTo(remote), this, now)
    return typeof outlet === 'string' ? outlet : outlet.send(bytes, remote)
  }

  close(how: FlowEnd, now: number): void {
    for (const outlet of this.#outlets.values()) end(outlet, how, now)
    this.#outlets.clear()
  }

  received(bytes: Uint8Array, address: Uint8Array, port: number, segmentSize: number): void {
    this.#owner.received(this, bytes, address, port, segmentSize)
  }

  failed(code: string, to: OutletRemote | undefined, datagrams: number): void {
    this.#owner.failed(this, code, to, datagrams)
  }

  /** To the name server, from a socket of its own, whose answers come from the address that was asked. */
  #ask(names: NameService, remote: UdpRemote, bytes: Uint8Array, now: number): string | undefined {
    const key = destinationKey(remote.address, remote.port)
    const outlet = this.#outlets.get(key) ?? this.#openService(key, names, remote, now)
    return typeof outlet === 'string' ? outlet : outlet.send(bytes, names)
  }

  #openService(key: string, names: NameService, remote: UdpRemote, now: number): UdpOutlet | string {
    const asked = { address: remote.address.slice(), port: remote.port }
    const owner: OutletOwner = {
      received: (answer, _address, _port, segmentSize) =>
        this.#owner.received(this, answer, asked.address, asked.port, segmentSize),
      failed: (code, _to, datagrams) => this.#owner.failed(this, code, asked, datagrams),
    }
    return this.#open(key, { ...this.#requestTo(names), isService: true }, owner, now)
  }

  #open(key: string, request: FlowRequest, owner: OutletOwner, now: number): UdpOutlet | string {
    const { gate, outlets } = this.#owner
    const grant = gate.admit(request, now)
    if (typeof grant === 'string') return grant
    const connectTo = key === ALL ? undefined : { address: request.destination, port: request.port }
    const outlet = outlets.open(owner, grant, connectTo, now)
    if (typeof outlet === 'string') {
      grant.end(ENDS[outlet], 0, 0, now)
      if (outlet === 'descriptors-exhausted') gate.notes.refused(outlet, undefined, request, now)
      return outlet
    }
    if (this.#outlets.size >= OUTLETS) this.#endOldest(now)
    this.#outlets.set(key, outlet)
    return outlet
  }

  #endOldest(now: number): void {
    for (const [key, outlet] of this.#outlets) {
      this.#outlets.delete(key)
      end(outlet, 'idle', now)
      return
    }
  }

  #requestTo({ address, port }: OutletRemote): FlowRequest {
    const { version, address: client, peer } = this.#client
    return { protocol: UDP, family: version, client, destination: address.slice(), port, peer }
  }
}

function end(outlet: UdpOutlet, how: FlowEnd, now: number): void {
  outlet.close()
  outlet.grant.end(how, outlet.sent, outlet.received, now)
}
