import { checksum, type IpPacket, onesComplementSum, parseIp, pseudoHeaderSum6 } from '@millrace/core'
import { ICMP } from '../protocols.ts'
import type { AddressCodecs } from './codec.ts'
import {
  type IcmpCodec,
  IcmpHead,
  V4_PARAMETER_PROBLEM,
  V4_TOO_BIG,
  V4_UNREACHABLE,
  V6_TIME_EXCEEDED,
  V6_UNREACHABLE,
} from './icmp-codec.ts'
import { FRAGMENT_OFFSET, hasSourceRoute, MORE_FRAGMENTS } from './ipv4-header.ts'
import { Ipv6Writer } from './ipv6-writer.ts'
import { echoToIpv6, ICMPV6, icmpv6Sum, moveChecksum } from './transport-sums.ts'

/** The most bytes that an ICMPv6 error has (RFC 4443 §2.4 c). */
const MAXIMUM = 1280

/** Makes ICMPv6 errors of ICMP ones, the packet they quote included (RFC 7915 §4.2, §4.3). Their checksum has been checked. */
export class ErrorToIpv6 {
  readonly #codecs: AddressCodecs
  readonly #icmp: IcmpCodec
  readonly #head = new IcmpHead()
  readonly #outer = new Ipv6Writer()
  readonly #inner = new Ipv6Writer()

  constructor(codecs: AddressCodecs, icmp: IcmpCodec) {
    this.#codecs = codecs
    this.#icmp = icmp
  }

  /** Into the headroom: the quoted transport stays where it is. Returns why not, or undefined. */
  translate(packet: IpPacket): string | undefined {
    const { view, memory, offset, transport } = packet
    let end = offset + packet.length
    const quote = transport + 8
    if (quote + 20 > end) return 'icmp-error-truncated'
    const version = view.getUint8(quote)
    const payload = quote + (version & 15) * 4
    if (version >> 4 !== 4 || payload < quote + 20) return 'icmp-error-invalid'
    if (payload + 8 > end) return 'icmp-error-truncated'
    if (hasSourceRoute(view, offset + 20, transport)) return 'source-route-not-translated'
    const word = view.getUint16(quote + 6)
    if ((word & FRAGMENT_OFFSET) !== 0) return 'icmp-error-no-session'
    const isFragment = (word & MORE_FRAGMENTS) !== 0
    const protocol = view.getUint8(quote + 9)
    const stated = view.getUint16(quote + 2)

    const head = this.#head
    const code = view.getUint8(transport + 1)
    const type = view.getUint8(transport)
    const isTooBig = type === V4_UNREACHABLE && code === V4_TOO_BIG
    const pointer = type === V4_PARAMETER_PROBLEM ? view.getUint8(transport + 4) : 0
    head.set(type, code, isTooBig ? view.getUint16(transport + 6) : pointer)
    if (!this.#icmp.toIpv6(head, stated)) return 'icmp-type-not-translated'

    const { source, destination, quotedSource, quotedDestination } = this.#codecs
    const [outer, inner] = [this.#outer, this.#inner]
    outer.begin(view.getUint8(offset + 1), view.getUint8(offset + 8), ICMPV6)
    inner.begin(view.getUint8(quote + 1), view.getUint8(quote + 8), protocol === ICMP ? ICMPV6 : protocol)
    if (isFragment) inner.fragment(0, true, view.getUint16(quote + 4))
    if (!source.write(view.getUint32(offset + 12), outer.view, 8)) return 'no-ipv6-address'
    if (!destination.write(view.getUint32(offset + 16), outer.view, 24)) return 'no-ipv6-address'
    if (!quotedSource.write(view.getUint32(quote + 12), inner.view, 8)) return 'no-ipv6-address'
    if (!quotedDestination.write(view.getUint32(quote + 16), inner.view, 24)) return 'no-ipv6-address'
    const quote6 = payload - inner.length
    const icmp = quote6 - 8
    if (packet.headroom < offset - (icmp - outer.length)) return 'no-headroom'

    const bytes = Math.max(stated - (payload - quote), 0)
    const words4 = view.getUint8(transport + 5)
    const quoteEnd = quote + words4 * 4
    const hasLength = head.type === V6_UNREACHABLE || head.type === V6_TIME_EXCEEDED
    const before = onesComplementSum(view, quote + 12, 8)
    const after = onesComplementSum(inner.view, 8, 32)
    if (protocol === ICMP) {
      if (!echoToIpv6(view, payload, icmpv6Sum(inner.view, 0, isFragment, bytes))) return 'icmp-error-no-session'
    } else moveChecksum(view, payload, end, protocol, before, after)

    // RFC 4884 §3: the quoted packet fills whole words of 8 bytes, what follows it moves.
    let words6 = 0
    if (words4 > 0 && quoteEnd > payload && quoteEnd <= end) {
      const padding = -(quoteEnd - quote6) & 7
      const whole = (quoteEnd + padding - quote6) >> 3
      const fits = end + padding - (icmp - outer.length) <= MAXIMUM && packet.tailroom >= padding
      if (hasLength && fits && whole <= 255) {
        memory.copyWithin(quoteEnd + padding, quoteEnd, end)
        memory.fill(0, quoteEnd, quoteEnd + padding)
        end += padding
        words6 = whole
      } else end = quoteEnd
    }
    end = Math.min(end, icmp - outer.length + MAXIMUM)
    inner.write(view, payload, bytes)
    view.setUint16(icmp, (head.type << 8) | head.code)
    view.setUint32(icmp + 2, 0)
    if (hasLength) view.setUint32(icmp + 4, words6 << 24)
    else view.setUint32(icmp + 4, head.value)
    packet.offset = outer.write(view, icmp, end - icmp)
    packet.length = end - packet.offset
    view.setUint16(icmp + 2, checksum(view, icmp, end - icmp, pseudoHeaderSum6(outer.view, 0, ICMPV6, end - icmp)))
    return parseIp(packet)
  }
}
