import { type IcmpErrorKind, type IpPacket, type Peer, parseAddress } from '@millrace/core'
import { udpSegment } from '@millrace/core/testing'
import { Icmp } from '../icmp/icmp.ts'
import type { UdpListener, UdpRemote } from '../udp/listener.ts'
import type { UdpOptions } from '../udp/options.ts'
import { Udp } from '../udp/udp.ts'
import { type Arrival, type DeskOptions, PacketDesk } from './packet-desk.ts'
import { OUTSIDE, up } from './packets.ts'

/** A UDP with an owner that writes down what it is told. */
export class UdpDesk extends PacketDesk {
  readonly udp: Udp
  readonly icmp: Icmp
  readonly events: string[] = []
  /** Of each datagram that came. */
  readonly payloads: Uint8Array[] = []
  /** The flow opened last. */
  flow = -1
  now = 0
  /** What the owner does besides. */
  readonly owner: { opened?: (flow: number) => void; datagram?: (flow: number) => string | undefined } = {}

  constructor(options: UdpOptions = {}, desk: DeskOptions = {}) {
    super(desk)
    const listener: UdpListener = {
      opened: (flow) => {
        this.flow = flow
        this.events.push('opened')
        this.owner.opened?.(flow)
      },
      datagram: (flow, remote, bytes) => {
        this.events.push(`datagram to ${end(remote)}: ${bytes.length}`)
        this.payloads.push(bytes.slice())
        return this.owner.datagram?.(flow)
      },
      error: (_flow, kind, remote, mtu) => void this.events.push(`error ${kind} ${end(remote)} ${mtu}`),
      closed: (_flow, cause) => void this.events.push(`closed ${cause}`),
    }
    this.udp = new Udp(options, this.surroundings, listener)
    this.icmp = new Icmp({ udp: this.udp }, this.surroundings.sums)
  }

  give(bytes: Uint8Array, arrival: Arrival = {}): string | undefined {
    return this.deliver(bytes, (packet) => this.#receive(packet), arrival)
  }

  /** The client sends from a port to a port outside. */
  say(
    family: 4 | 6,
    text: string | Uint8Array,
    from = 5000,
    to = 443,
    destination: string = OUTSIDE[family],
    peer?: Peer,
  ): string | undefined {
    const bytes = up(family, udpSegment({ sourcePort: from, destinationPort: to }, text), { destination })
    return this.give(bytes, { peer })
  }

  /** Somebody outside answers the flow opened last. */
  answer(
    family: 4 | 6,
    payload: string | Uint8Array,
    port = 443,
    address: string = OUTSIDE[family],
    segmentSize = 0,
  ): string | undefined {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
    return this.udp.send(this.flow, parseAddress(address).bytes, port, bytes, this.now, segmentSize)
  }

  report(family: 4 | 6, kind: IcmpErrorKind, port = 443, address: string = OUTSIDE[family]): boolean {
    return this.udp.reportError(this.flow, parseAddress(address).bytes, port, kind, this.now)
  }

  advance(milliseconds: number): void {
    this.now += milliseconds
    this.udp.advance(this.now)
  }

  takeEvents(): string[] {
    return this.events.splice(0)
  }

  #receive(packet: IpPacket): string | undefined {
    const isUdp = packet.protocol === 17
    return isUdp ? this.udp.receive(packet, this.now) : this.icmp.receive(packet, this.now)
  }
}

function end({ version, address, port }: UdpRemote): string {
  const text = version === 4 ? address.join('.') : Buffer.from(address).toString('hex')
  return `${text} ${port}`
}
