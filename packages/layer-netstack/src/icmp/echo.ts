import { asIpPacket, type IcmpErrorKind, type IpPacket, parseIp } from '@millrace/core'
import { Fragmenter } from '../ip/fragmenter.ts'
import { ipHeaderLength, writeIpHeader } from '../ip/ip-header.ts'
import { addressOf, readAddresses, turned } from '../ip/socket-pair.ts'
import { transportChecksum } from '../ip/transport-checksum.ts'
import { areHosts } from '../ip/unicast.ts'
import type { StackSurroundings } from '../surroundings.ts'
import { FlowTable } from '../table/flow-table.ts'
import { PeerNumbers } from '../table/peer-numbers.ts'
import { readWholeNumbers } from '../whole-numbers.ts'
import { ECHO_WORDS, EchoFlow } from './echo-flow.ts'
import type { EchoEnds, EchoListener, EchoOptions } from './echo-listener.ts'
import { echoReplyType, echoRequestType, ICMP_HEADER, icmpProtocol } from './messages.ts'
import type { IcmpErrorDetails } from './push-icmp-error.ts'

export type { EchoEnds, EchoListener, EchoOptions } from './echo-listener.ts'

const LARGEST_PACKET = 65_535
const EMPTY = new Uint8Array(0)

/**
 * ICMP and ICMPv6 echo (RFC 792, RFC 4443 §4) for clients that ping any destination, as a state machine. A flow is one
 * identifier of one client towards one destination. Nothing is answered unless the owner says so. Events come while
 * `receive` and `advance` run. A call with a handle that means nothing any more does nothing.
 */
export class Echo {
  readonly #table: FlowTable<EchoFlow>
  readonly #surroundings: StackSurroundings
  readonly #listener: EchoListener
  readonly #idleTimeout: number
  readonly #mtu: number
  readonly #fragmenter: Fragmenter
  readonly #peers = new PeerNumbers()
  readonly #key = new Int32Array(ECHO_WORDS)

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: EchoOptions, surroundings: StackSurroundings, listener: EchoListener) {
    const settings = readWholeNumbers('echo', options, {
      flows: [4096, 1, 2 ** 21],
      idleTimeout: [60_000, 1, 86_400_000],
      mtu: [1420, 1280, LARGEST_PACKET],
    })
    const { random, now, outbox } = surroundings
    this.#surroundings = surroundings
    this.#listener = listener
    this.#idleTimeout = settings.idleTimeout
    this.#mtu = settings.mtu
    this.#fragmenter = new Fragmenter(outbox, random)
    const table = { capacity: settings.flows, words: ECHO_WORDS, random, now }
    this.#table = new FlowTable(table, (index, key) => new EchoFlow(index, key))
  }

  /** Flows in use. */
  get flows(): number {
    return this.#table.size
  }

  /** When to call `advance`, milliseconds, or Infinity. */
  get deadline(): number {
    return this.#table.deadline
  }

  /** Takes an echo request in, whose checksum has been found right. Returns why it went no further, or undefined. */
  receive(packet: IpPacket, now: number): string | undefined {
    const { view, version, transport } = packet
    if (transport === 0 || packet.isFragment || packet.protocol !== icmpProtocol(version)) return 'not-icmp'
    if (view.getUint16(transport) !== echoRequestType(version) << 8) return 'not-an-echo-request'
    const key = this.#key
    readAddresses(key, packet)
    if (!areHosts(key, version)) return 'echo-not-between-hosts'
    key[8] = this.#peers.of(packet.peer)
    key[9] = (version << 16) | view.getUint16(transport + 4)
    const flow = this.#table.find(key) ?? this.#open(packet, now)
    if (flow === undefined) return 'echo-flows-full'
    if (flow.handle < 0) return 'echo-flow-refused'
    flow.deadline = now + this.#idleTimeout
    const payload = packet.memory.subarray(transport + ICMP_HEADER, packet.offset + packet.length)
    return this.#listener.echo(flow.handle, view.getUint16(transport + 6), payload, packet.hopLimit)
  }

  /** Ends flows that are idle. */
  advance(now: number): void {
    for (let flow = this.#table.due(now); flow !== undefined; flow = this.#table.due(now)) {
      const { handle } = flow
      this.#table.close(flow)
      this.#listener.closed(handle, 'idle')
    }
  }

  /** Who pings whom, or undefined. */
  ends(handle: number): EchoEnds | undefined {
    const flow = this.#table.of(handle)
    if (flow === undefined) return undefined
    const { key, version, identifier, peer } = flow
    return {
      version,
      clientAddress: addressOf(key, 4, version),
      destination: addressOf(key, 0, version),
      identifier,
      peer,
    }
  }

  /** Sends the client an echo reply of its destination. Returns why not, or undefined. */
  reply(handle: number, sequence: number, payload: Uint8Array, now: number): string | undefined {
    const flow = this.#table.of(handle)
    if (flow === undefined) return 'echo-no-flow'
    const { version } = flow
    const packet = this.#write(version, flow.key, echoReplyType(version), flow.identifier, sequence, payload)
    if (typeof packet === 'string') return packet
    packet.direction = 'down'
    packet.peer = flow.peer
    packet.arrival = now
    return this.#fragmenter.push(packet, this.#mtu)
  }

  /**
   * Tells the client by an ICMP error that its request did not arrive, within the rate. `details.source` is who says so: a
   * router on the way, for `time-exceeded`. True if it is on its way.
   */
  reportError(handle: number, sequence: number, kind: IcmpErrorKind, now: number, details?: IcmpErrorDetails): boolean {
    const flow = this.#table.of(handle)
    if (flow === undefined) return false
    const { version } = flow
    const request = this.#write(version, turned(flow.key), echoRequestType(version), flow.identifier, sequence, EMPTY)
    if (typeof request === 'string') return false
    request.peer = flow.peer
    const isSent = this.#surroundings.errors.report(request, kind, now, details)
    request.release()
    return isSent
  }

  /** Lets go of a flow. Nothing more is told of it; if the client pings again, that is a new one. */
  close(handle: number): void {
    const flow = this.#table.of(handle)
    if (flow !== undefined) this.#table.close(flow)
  }

  /** A flow with the key that has just been sought. Its handle is -1 if the owner does not want it. */
  #open(packet: IpPacket, now: number): EchoFlow | undefined {
    const flow = this.#table.open(this.#key, now + this.#idleTimeout, packet.peer)
    if (flow !== undefined) this.#listener.opened(flow.handle)
    return flow
  }

  /** A message from the local to the remote end of a key, as a packet, or why there is none. */
  #write(
    version: 4 | 6,
    key: Int32Array,
    type: number,
    identifier: number,
    sequence: number,
    payload: Uint8Array,
  ): IpPacket | string {
    const ipHeader = ipHeaderLength(version)
    const length = ICMP_HEADER + payload.length
    if (ipHeader + length > LARGEST_PACKET) return 'echo-too-long'
    const packet = this.#surroundings.outbox.acquire(ipHeader + length)
    if (packet === undefined) return 'pool-empty'
    packet.length = ipHeader + length
    writeIpHeader(packet, version, key, icmpProtocol(version))
    const { view } = packet
    const icmp = packet.offset + ipHeader
    view.setUint32(icmp, type << 24)
    view.setUint32(icmp + 4, ((identifier << 16) | (sequence & 0xffff)) >>> 0)
    packet.memory.set(payload, icmp + ICMP_HEADER)
    const { sums } = this.#surroundings
    view.setUint16(icmp + 2, transportChecksum(packet, version, icmpProtocol(version), icmp, length, sums))
    parseIp(packet)
    return asIpPacket(packet)
  }
}
