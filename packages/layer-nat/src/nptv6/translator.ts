import type { IpPacket } from '@millrace/core'
import { isMartian6 } from '../siit/martian.ts'
import { PASS } from '../siit/translation.ts'
import { ICMPV6 } from '../siit/transport-sums.ts'
import { TURNED } from '../translator.ts'
import type { PrefixMapping } from './prefix-mapping.ts'

export interface Nptv6Settings {
  readonly mapping: PrefixMapping
  readonly hairpin: boolean
  readonly mtu: number
  readonly decrementHopLimit: boolean
  readonly gateway: string | undefined
}

const SOURCE = 8
const DESTINATION = 24
const HEADER = 40

/** Translates IPv6 packets in place, by a {@link PrefixMapping}. Each method returns why the packet goes no further, `PASS`, or undefined. */
export class Nptv6Translator {
  readonly #mapping: PrefixMapping
  readonly #hairpin: boolean
  readonly #mtu: number
  readonly #decrements: boolean

  constructor({ mapping, hairpin, mtu, decrementHopLimit }: Nptv6Settings) {
    this.#mapping = mapping
    this.#hairpin = hairpin
    this.#mtu = mtu
    this.#decrements = decrementHopLimit
  }

  /** From the inside to the outside, or back to the inside: `TURNED`. */
  up(packet: IpPacket): string | undefined {
    const { version, view, offset } = packet
    const mapping = this.#mapping
    if (version !== 6) return PASS
    if (mapping.isOutside(view, offset + SOURCE)) return 'source-is-nat-address'
    if (!mapping.isInside(view, offset + SOURCE)) return PASS
    if (isMartian6(view, offset + DESTINATION)) return 'martian-destination'
    const turns = mapping.isOutside(view, offset + DESTINATION)
    if (turns && !this.#hairpin) return 'hairpin-refused'
    // Before anything is written: the sender is told of the packet that it sent.
    if (turns && !mapping.hasInside(view, offset + DESTINATION)) return 'address-not-translated'
    if (this.#isSpent(packet)) return 'ttl-exceeded'
    const quote = quoteOf(packet)
    if (typeof quote === 'string') return quote
    if (!mapping.toOutside(view, offset + SOURCE)) return 'address-not-translated'
    // What it is about has been delivered here, under the inside address.
    if (quote > 0 && mapping.isInside(view, quote + DESTINATION)) mapping.toOutside(view, quote + DESTINATION)
    this.#decrement(packet)
    if (!turns) return undefined
    return this.#toInside(packet, quote) ? TURNED : 'address-not-translated'
  }

  down(packet: IpPacket): string | undefined {
    const { version, view, offset, segmentSize, segmentHeader, length } = packet
    if (version !== 6) return PASS
    if (this.#mapping.isInside(view, offset + SOURCE)) return 'source-is-inside-address'
    if (!this.#mapping.isOutside(view, offset + DESTINATION)) return PASS
    if (this.#isSpent(packet)) return 'ttl-exceeded'
    if ((segmentSize > 0 ? segmentHeader + segmentSize : length) > this.#mtu) return 'packet-too-big'
    const quote = quoteOf(packet)
    if (typeof quote === 'string') return quote
    if (!this.#toInside(packet, quote)) return 'address-not-translated'
    this.#decrement(packet)
    return undefined
  }

  #toInside({ view, offset }: IpPacket, quote: number): boolean {
    const mapping = this.#mapping
    if (!mapping.toInside(view, offset + DESTINATION)) return false
    if (quote > 0 && mapping.isOutside(view, quote + SOURCE)) mapping.toInside(view, quote + SOURCE)
    return true
  }

  #isSpent(packet: IpPacket): boolean {
    return this.#decrements && packet.hopLimit <= 1
  }

  #decrement({ view, offset, hopLimit }: IpPacket): void {
    if (this.#decrements) view.setUint8(offset + 7, hopLimit - 1)
  }
}

/** Where the packet begins that an ICMPv6 error quotes; 0 if this is none, or why it goes no further. */
function quoteOf({ view, protocol, transport, offset, length }: IpPacket): number | string {
  if (protocol !== ICMPV6 || transport === 0 || view.getUint8(transport) >= 128) return 0
  const quote = transport + 8
  if (quote + HEADER > offset + length) return 'icmp-error-truncated'
  return view.getUint8(quote) >> 4 === 6 ? quote : 'icmp-error-invalid'
}
