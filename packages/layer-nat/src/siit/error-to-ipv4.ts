import { checksum, type IpPacket, onesComplementSum, parseIp, pseudoHeaderSum6 } from '@millrace/core'
import { ICMP } from '../protocols.ts'
import type { AddressCodecs } from './codec.ts'
import {
  type IcmpCodec,
  IcmpHead,
  V4_PARAMETER_PROBLEM,
  V4_TOO_BIG,
  V4_UNREACHABLE,
  V6_PARAMETER_PROBLEM,
  V6_TIME_EXCEEDED,
  V6_TOO_BIG,
  V6_UNREACHABLE,
} from './icmp-codec.ts'
import { DONT_FRAGMENT, MAY_BE_FRAGMENTED, MORE_FRAGMENTS, writeIpv4Header } from './ipv4-header.ts'
import { Ipv6Headers } from './ipv6-headers.ts'
import { echoToIpv4, ICMPV6, icmpv6Sum, moveChecksum } from './transport-sums.ts'

/** Quoted bytes before an extension, at least (RFC 4884 §5). */
const MINIMUM_QUOTE = 128

/** Makes ICMP errors of ICMPv6 ones, the packet they quote included (RFC 7915 §5.2, §5.3). */
export class ErrorToIpv4 {
  readonly #codecs: AddressCodecs
  readonly #icmp: IcmpCodec
  readonly #andBack: boolean
  readonly #quoted = new Ipv6Headers()
  readonly #head = new IcmpHead()

  /** `andBack`: nothing may be fragmented. */
  constructor(codecs: AddressCodecs, icmp: IcmpCodec, andBack: boolean) {
    this.#codecs = codecs
    this.#icmp = icmp
    this.#andBack = andBack
  }

  /** The quoted transport stays where it is, and all before it moves up to it. */
  translate(packet: IpPacket): string | undefined {
    const { view, offset, transport } = packet
    let end = offset + packet.length
    const quote = transport + 8
    if (quote + 40 > end) return 'icmp-error-truncated'
    if (view.getUint8(quote) >> 4 !== 6) return 'icmp-error-invalid'
    const quoted = this.#quoted
    if (quoted.read(view, quote, end) !== undefined) return 'icmp-error-invalid'
    const { payload, protocol, fragment } = quoted
    if (payload + 8 > end) return 'icmp-error-truncated'
    const length = end - transport
    if (checksum(view, transport, length, pseudoHeaderSum6(view, offset, ICMPV6, length)) !== 0) {
      return 'icmp-checksum-invalid'
    }
    const head = this.#head
    const type = view.getUint8(transport)
    const hasValue = type === V6_TOO_BIG || type === V6_PARAMETER_PROBLEM
    head.set(type, view.getUint8(transport + 1), hasValue ? view.getUint32(transport + 4) : 0)
    if (!this.#icmp.toIpv4(head)) return 'icmp-type-not-translated'
    const codecs = this.#codecs
    const quotedSource = codecs.quotedSource.read(view, quote + 8)
    const quotedDestination = codecs.quotedDestination.read(view, quote + 24)
    if (quotedSource === 0 || quotedDestination === 0) return 'icmp-error-no-session'
    const word = fragment === 0 ? 0 : view.getUint16(fragment + 2)
    // A fragment other than the first says nothing of whom it is from; nor does an error about other ICMP.
    if ((word & 0xfff8) !== 0) return 'icmp-error-no-session'
    const stated = Math.max(view.getUint16(quote + 4) + 40 - (payload - quote), 0)
    const before = onesComplementSum(view, quote + 8, 32)
    const pseudo = icmpv6Sum(view, quote, (word & 1) !== 0, stated)
    const source = codecs.source.read(view, offset + 8)
    const destination = codecs.destination.read(view, offset + 24)
    if (source === 0 || destination === 0) return 'no-ipv4-address'
    if (protocol === ICMPV6 && !echoToIpv4(view, payload, pseudo)) return 'icmp-error-no-session'

    // RFC 4884 §3: in both families behind the quoted packet, whose length is told in words of 8 bytes or of 4.
    const inner = payload - 20
    const words = type === V6_UNREACHABLE || type === V6_TIME_EXCEEDED ? view.getUint8(transport + 4) : 0
    let words4 = 0
    if (words > 0 && quote + words * 8 <= end) {
      const bytes = quote + words * 8 - inner
      if (bytes >= MINIMUM_QUOTE && bytes <= 255 * 4) words4 = bytes >> 2
      else end = quote + words * 8
    }

    const trafficClass = (view.getUint32(offset) >>> 20) & 0xff
    const ttl = view.getUint8(offset + 7)
    const innerClass = (view.getUint32(quote) >>> 20) & 0xff
    const innerTtl = view.getUint8(quote + 7)
    const innerId = fragment === 0 ? 0 : view.getUint16(fragment + 6)
    const innerLength = Math.min(stated + 20, 0xffff)
    const stays = fragment === 0 && (this.#andBack || innerLength > MAY_BE_FRAGMENTED)
    const innerFlags = (stays ? DONT_FRAGMENT : 0) | ((word & 1) === 0 ? 0 : MORE_FRAGMENTS)
    const protocol4 = protocol === ICMPV6 ? ICMP : protocol
    writeIpv4Header(
      view,
      inner,
      innerClass,
      innerLength,
      innerId,
      innerFlags,
      innerTtl,
      protocol4,
      quotedSource,
      quotedDestination,
    )
    moveChecksum(view, payload, end, protocol, before, onesComplementSum(view, inner + 12, 8))
    const icmp = inner - 8
    writeHead(view, icmp, head, words4)
    view.setUint16(icmp + 2, checksum(view, icmp, end - icmp))
    const ip = icmp - 20
    const flags = this.#andBack || end - ip > MAY_BE_FRAGMENTED ? DONT_FRAGMENT : 0
    writeIpv4Header(view, ip, trafficClass, end - ip, 0, flags, ttl, ICMP, source, destination)
    packet.offset = ip
    packet.length = end - ip
    return parseIp(packet)
  }
}

function writeHead(view: DataView, at: number, { type, code, value }: IcmpHead, words: number): void {
  view.setUint16(at, (type << 8) | code)
  view.setUint32(at + 2, words)
  if (type === V4_UNREACHABLE && code === V4_TOO_BIG) view.setUint16(at + 6, Math.min(value, 0xffff))
  else if (type === V4_PARAMETER_PROBLEM) view.setUint32(at + 4, (value << 24) | (words << 16))
  else view.setUint16(at + 6, 0)
}
