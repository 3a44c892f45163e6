import type { IpPacket, OnesComplement, Peer, Random } from '@millrace/core'
import { addressOf, KEY_WORDS, writeAddress } from '../ip/socket-pair.ts'
import type { StackSurroundings } from '../surroundings.ts'
import { Flow, FlowTable } from '../table/flow-table.ts'
import { readWholeNumbers } from '../whole-numbers.ts'
import { Contacts } from './contacts.ts'
import { IncomingDatagram } from './datagram.ts'
import { DatagramWriter } from './datagram-writer.ts'
import { deliver } from './deliver.ts'
import { IcmpReport } from './icmp-report.ts'
import type { DatagramListener } from './listener.ts'
import { CONTACTS_RANGE, MTU_RANGE } from './options.ts'
import { RemoteView } from './remote-view.ts'

/** Local address (4), version in the high half and local port in the low. */
const WORDS = 5
/** RFC 6335 §6: ports for anybody's use. */
const FIRST_EPHEMERAL = 49_152
const EPHEMERAL = 16_384
const NEVER = Number.POSITIVE_INFINITY

/** Bounds of {@link UdpPorts}. */
export interface UdpPortsOptions {
  /** Most ports bound at once. Default 1,024. */
  readonly ports?: number
  /** Remote ends that a port remembers having sent to, as only errors about these are believed. Default 64. */
  readonly contacts?: number
  /** Largest packet to send; what is larger goes in fragments. Default 1,420. */
  readonly mtu?: number
}

/** A local address (4 or 16 bytes) and port. */
export interface UdpLocal {
  readonly address: Uint8Array
  readonly port: number
}

class UdpPort extends Flow {
  mtu = 0
  readonly contacts: Contacts

  constructor(index: number, key: Int32Array, contacts: number) {
    super(index, key)
    this.contacts = new Contacts(contacts)
  }

  get version(): 4 | 6 {
    return (this.key[4] as number) >>> 16 === 4 ? 4 : 6
  }

  get port(): number {
    return (this.key[4] as number) & 0xffff
  }
}

/**
 * UDP (RFC 768) for the program itself: ports of its own addresses, to which anybody may send and from which it may send to
 * anybody. Events come while `receive` and `receiveIcmp` run. A call with a handle that means nothing any more does nothing.
 */
export class UdpPorts {
  readonly #table: FlowTable<UdpPort>
  readonly #random: Random
  readonly #sums: OnesComplement
  readonly #mtu: number
  readonly #listener: DatagramListener
  readonly #writer: DatagramWriter
  readonly #datagram = new IncomingDatagram()
  readonly #report = new IcmpReport()
  readonly #remotes = new RemoteView()
  readonly #localKey = new Int32Array(WORDS)
  readonly #key = new Int32Array(KEY_WORDS)

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: UdpPortsOptions, surroundings: StackSurroundings, listener: DatagramListener) {
    const { ports, contacts, mtu } = readWholeNumbers('udp', options, {
      ports: [1024, 1, 65_536],
      contacts: CONTACTS_RANGE,
      mtu: MTU_RANGE,
    })
    const { random, now, sums } = surroundings
    this.#random = random
    this.#sums = sums
    this.#mtu = mtu
    this.#listener = listener
    this.#writer = new DatagramWriter(surroundings)
    const table = { capacity: ports, words: WORDS, random, now }
    this.#table = new FlowTable(table, (index, key) => new UdpPort(index, key, contacts))
  }

  /** Ports bound. */
  get ports(): number {
    return this.#table.size
  }

  /**
   * Binds a port; 0 is one that is free and that nobody can foresee (RFC 6056). `peer` is what packets from it carry. Returns
   * its handle, or -1 when the port is taken or there is no room for more.
   */
  bind({ address, port }: UdpLocal, peer?: Peer): number {
    writeAddress(this.#localKey, 0, address)
    const version = address.length === 4 ? 4 : 6
    const start = this.#random.uint32()
    for (let i = 0; i < (port === 0 ? EPHEMERAL : 1); i++) {
      this.#localKey[4] = (version << 16) | (port === 0 ? FIRST_EPHEMERAL + ((start + i) % EPHEMERAL) : port)
      if (this.#table.find(this.#localKey) !== undefined) continue
      const bound = this.#table.open(this.#localKey, NEVER, peer)
      if (bound === undefined) return -1
      bound.mtu = this.#mtu
      bound.contacts.clear()
      return bound.handle
    }
    return -1
  }

  /** Where it is bound, or undefined. */
  local(handle: number): UdpLocal | undefined {
    const bound = this.#table.of(handle)
    return bound && { address: addressOf(bound.key, 0, bound.version), port: bound.port }
  }

  /** Takes a packet in, without keeping it. Returns why it went no further, or undefined; `udp-port-closed` if nobody has its port. */
  receive(packet: IpPacket, _now: number): string | undefined {
    const datagram = this.#datagram
    const reason = datagram.read(packet, this.#sums)
    if (reason !== undefined) return reason
    const { key, version, localPort, remotePort } = datagram
    const bound = this.#find(key, version, localPort)
    if (bound === undefined) return 'udp-port-closed'
    return deliver(this.#listener, bound, this.#remotes.show(key, 4, version, remotePort), packet, datagram)
  }

  /** The same for an ICMP or ICMPv6 error about a packet of ours, whose checksum has been found right. */
  receiveIcmp(packet: IpPacket, _now: number): string | undefined {
    const report = this.#report
    const reason = report.read(packet)
    if (reason !== undefined) return reason
    const { key, kind, mtu, localPort, remotePort } = report
    const bound = this.#find(key, packet.version, localPort)
    const remote = key.subarray(4)
    if (!bound?.contacts.has(remote, remotePort)) return 'icmp-no-flow'
    this.#listener.error(bound.handle, kind, this.#remotes.show(key, 4, packet.version, remotePort), mtu)
    return undefined
  }

  /**
   * Sends to `address` (4 or 16 bytes) and `port`; with a `segmentSize`, several datagrams of that size, of which the last
   * may be shorter. Returns why not, or undefined.
   */
  send(
    handle: number,
    address: Uint8Array,
    port: number,
    payload: Uint8Array,
    now: number,
    segmentSize = 0,
  ): string | undefined {
    const bound = this.#table.of(handle)
    if (bound === undefined) return 'udp-no-flow'
    if (address.length !== (bound.version === 4 ? 4 : 16)) return 'udp-address-family'
    const key = this.#key
    writeAddress(key, 0, address)
    bound.contacts.note(key, port, now)
    for (let i = 0; i < 4; i++) {
      key[4 + i] = key[i] as number
      key[i] = bound.key[i] as number
    }
    key[8] = (bound.port << 16) | port
    return this.#writer.write(key, bound, payload, segmentSize, now)
  }

  /** Gives the port back. Nothing more is told of it. */
  close(handle: number): void {
    const bound = this.#table.of(handle)
    if (bound === undefined) return
    bound.contacts.clear()
    this.#table.close(bound)
  }

  #find(key: Int32Array, version: 4 | 6, port: number): UdpPort | undefined {
    const localKey = this.#localKey
    for (let i = 0; i < 4; i++) localKey[i] = key[i] as number
    localKey[4] = (version << 16) | port
    return this.#table.find(localKey)
  }
}
