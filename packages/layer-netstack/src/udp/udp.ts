import type { IcmpErrorKind, IpPacket, OnesComplement, Peer } from '@millrace/core'
import type { IcmpErrorDetails } from '../icmp/push-icmp-error.ts'
import { smallestMtu } from '../ip/smallest-mtu.ts'
import { addressOf, KEY_WORDS } from '../ip/socket-pair.ts'
import type { StackSurroundings } from '../surroundings.ts'
import { FlowTable } from '../table/flow-table.ts'
import { PeerNumbers } from '../table/peer-numbers.ts'
import { IncomingDatagram } from './datagram.ts'
import { DatagramWriter, writeQuote } from './datagram-writer.ts'
import { deliver } from './deliver.ts'
import { IcmpReport } from './icmp-report.ts'
import type { UdpClient, UdpListener } from './listener.ts'
import { readUdpOptions, type UdpOptions, type UdpSettings } from './options.ts'
import { RemoteView } from './remote-view.ts'
import { CLIENT_WORDS, UdpFlow } from './udp-flow.ts'

export type { UdpClient } from './listener.ts'

const DNS = 53

/**
 * UDP (RFC 768) for clients that send to any destination, as a state machine: packets and the time go in, packets and
 * events come out. There is one flow for each peer, client address and port, whomever it sends to (RFC 4787 REQ-1); what
 * comes back passes if the filter lets it. Nothing but what the client sends keeps a flow alive (REQ-6), so nobody outside
 * can. Events come while `receive`, `receiveIcmp` and `advance` run. A call with a handle that means nothing any more does
 * nothing.
 */
export class Udp {
  readonly #table: FlowTable<UdpFlow>
  readonly #settings: UdpSettings
  readonly #surroundings: StackSurroundings
  readonly #sums: OnesComplement
  readonly #listener: UdpListener
  readonly #writer: DatagramWriter
  readonly #peers = new PeerNumbers()
  readonly #datagram = new IncomingDatagram()
  readonly #report = new IcmpReport()
  readonly #remotes = new RemoteView()
  readonly #clientKey = new Int32Array(CLIENT_WORDS)
  readonly #key = new Int32Array(KEY_WORDS)

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: UdpOptions, surroundings: StackSurroundings, listener: UdpListener) {
    const settings = readUdpOptions(options)
    const { random, now } = surroundings
    this.#settings = settings
    this.#surroundings = surroundings
    this.#sums = surroundings.sums
    this.#listener = listener
    this.#writer = new DatagramWriter(surroundings)
    const table = { capacity: settings.flows, words: CLIENT_WORDS, random, now }
    this.#table = new FlowTable(table, (index, key) => new UdpFlow(index, key, settings.contacts))
  }

  /** Flows in use. */
  get flows(): number {
    return this.#table.size
  }

  /** When to call `advance`, milliseconds, or Infinity. */
  get deadline(): number {
    return this.#table.deadline
  }

  /** Takes a packet in, without keeping it. Returns why it went no further, or undefined. */
  receive(packet: IpPacket, now: number): string | undefined {
    const datagram = this.#datagram
    const reason = datagram.read(packet, this.#sums)
    if (reason !== undefined) return reason
    const { key, version, remotePort, localPort } = datagram
    const flow = this.#find(packet.peer, key, version, remotePort) ?? this.#open(packet, now)
    if (flow === undefined) return 'udp-flows-full'
    const { handle } = flow
    if (handle < 0) return 'udp-flow-refused'
    const isNew = flow.contacts.note(key, localPort, now)
    flow.isDns &&= localPort === DNS
    this.#keep(flow, now)
    const remote = this.#remotes.show(key, 0, version, localPort)
    const refusal = deliver(this.#listener, flow, remote, packet, datagram)
    if (refusal !== undefined && isNew && flow.handle === handle) flow.contacts.forget(key, localPort)
    return refusal
  }

  /** The same for an ICMP or ICMPv6 error about a packet of ours, whose checksum has been found right. */
  receiveIcmp(packet: IpPacket, _now: number): string | undefined {
    const report = this.#report
    const reason = report.read(packet)
    if (reason !== undefined) return reason
    const { key, kind, mtu, localPort, remotePort } = report
    const { version } = packet
    // What we sent came, for the client, from the far end: that is the local end here.
    const flow = this.#find(packet.peer, key, version, remotePort)
    if (flow === undefined || !flow.contacts.has(key, localPort)) return 'icmp-no-flow'
    if (kind === 'packet-too-big') flow.mtu = Math.min(flow.mtu, Math.max(mtu, smallestMtu(version)))
    this.#listener.error(flow.handle, kind, this.#remotes.show(key, 0, version, localPort), mtu)
    return undefined
  }

  /** Ends flows that are idle. */
  advance(now: number): void {
    for (let flow = this.#table.due(now); flow !== undefined; flow = this.#table.due(now)) {
      const { handle } = flow
      this.#end(flow)
      this.#listener.closed(handle, 'idle')
    }
  }

  /** Who the flow belongs to, or undefined. */
  client(handle: number): UdpClient | undefined {
    const flow = this.#table.of(handle)
    if (flow === undefined) return undefined
    const { key, version, port, peer } = flow
    return { version, address: addressOf(key, 1, version), port, peer }
  }

  /**
   * Sends the client what came from `address` (4 or 16 bytes) and `port`; with a `segmentSize`, several datagrams of that
   * size, of which the last may be shorter. Returns why not, or undefined.
   */
  send(
    handle: number,
    address: Uint8Array,
    port: number,
    payload: Uint8Array,
    now: number,
    segmentSize = 0,
  ): string | undefined {
    const flow = this.#table.of(handle)
    if (flow === undefined) return 'udp-no-flow'
    if (!flow.writeKey(this.#key, address, port)) return 'udp-address-family'
    if (!this.#passes(flow, port)) return 'udp-filtered'
    return this.#writer.write(this.#key, flow, payload, segmentSize, now)
  }

  /**
   * Tells the client by an ICMP error that what it sent to `address` and `port` did not arrive; only of what it has sent to,
   * and within the rate. True if it is on its way.
   */
  reportError(
    handle: number,
    address: Uint8Array,
    port: number,
    kind: IcmpErrorKind,
    now: number,
    details?: IcmpErrorDetails,
  ): boolean {
    const flow = this.#table.of(handle)
    if (flow === undefined || !flow.writeKey(this.#key, address, port)) return false
    if (!flow.contacts.has(this.#key, port)) return false
    const { outbox, errors } = this.#surroundings
    const packet = writeQuote(outbox, this.#key, flow)
    if (packet === undefined) return false
    const isSent = errors.report(packet, kind, now, details)
    packet.release()
    return isSent
  }

  /** Lets go of a flow. Nothing more is told of it; if the client sends again, that is a new one. */
  close(handle: number): void {
    const flow = this.#table.of(handle)
    if (flow !== undefined) this.#end(flow)
  }

  #find(peer: Peer | undefined, key: Int32Array, version: 4 | 6, port: number): UdpFlow | undefined {
    const clientKey = this.#clientKey
    clientKey[0] = this.#peers.of(peer)
    for (let i = 0; i < 4; i++) clientKey[1 + i] = key[4 + i] as number
    clientKey[5] = (version << 16) | port
    return this.#table.find(clientKey)
  }

  /** A flow with the key that has just been sought. Its handle is -1 if the owner does not want it. */
  #open(packet: IpPacket, now: number): UdpFlow | undefined {
    const flow = this.#table.open(this.#clientKey, now + this.#settings.dnsIdleTimeout, packet.peer)
    if (flow === undefined) return undefined
    flow.isDns = true
    flow.mtu = this.#settings.mtu
    flow.contacts.clear()
    this.#listener.opened(flow.handle)
    return flow
  }

  #keep(flow: UdpFlow, now: number): void {
    const { idleTimeout, dnsIdleTimeout } = this.#settings
    const before = flow.deadline
    flow.deadline = now + (flow.isDns ? dnsIdleTimeout : idleTimeout)
    if (flow.deadline < before) this.#table.arm(flow)
  }

  /** Whether the filter lets what comes from the local end of the key pass. */
  #passes(flow: UdpFlow, port: number): boolean {
    const { filtering } = this.#settings
    if (filtering === 'endpoint-independent') return true
    return flow.contacts.has(this.#key, filtering === 'address-dependent' ? -1 : port)
  }

  #end(flow: UdpFlow): void {
    flow.contacts.clear()
    this.#table.close(flow)
  }
}
