import type { IpPacket } from '@millrace/core'
import { tcpHeaderLength } from './classify.ts'
import { clampMss } from './mss.ts'
import { TCP } from './protocols.ts'
import { takeHop } from './rewrite.ts'
import { SYN } from './tcp-state.ts'

/** IPv4 and TCP header. */
const HEADERS = 40
const DONT_FRAGMENT = 0x40

export interface HopOptions {
  /** Of the tunnel, bytes. */
  readonly mtu: number
  readonly decrementTtl: boolean
}

/** What a packet meets because a NAT is a router: one hop less, and a tunnel that it must fit into. */
export class Hop {
  readonly #mtu: number
  readonly #decrementTtl: boolean

  constructor({ mtu, decrementTtl }: HopOptions) {
    this.#mtu = mtu
    this.#decrementTtl = decrementTtl
  }

  /** Whether the packet has no hop left for us to take. */
  isSpent(packet: IpPacket): boolean {
    return this.#decrementTtl && packet.hopLimit <= 1
  }

  /** Why a packet from the outside cannot go on into the tunnel. One that may be fragmented still can (RFC 4787 REQ-13). */
  refuseDown(packet: IpPacket): string | undefined {
    if (this.isSpent(packet)) return 'ttl-exceeded'
    const { segmentSize, segmentHeader, length } = packet
    if ((segmentSize > 0 ? segmentHeader + segmentSize : length) <= this.#mtu) return undefined
    return (packet.view.getUint8(packet.offset + 6) & DONT_FRAGMENT) !== 0 ? 'packet-too-big' : undefined
  }

  /** Takes one hop off, and lowers the MSS of a SYN. Returns by how much the sum of the IP header has changed. */
  pass(packet: IpPacket): number {
    const { view, transport, protocol } = packet
    if (protocol === TCP && transport !== 0 && (view.getUint8(transport + 13) & SYN) !== 0) {
      clampMss(view, transport, tcpHeaderLength(packet), this.#mtu - HEADERS)
    }
    return this.#decrementTtl ? takeHop(view, packet.offset) : 0
  }
}
