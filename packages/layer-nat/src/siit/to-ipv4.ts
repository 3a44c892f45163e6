import { type IpPacket, onesComplementSum, parseIp } from '@millrace/core'
import { ICMP, UDP } from '../protocols.ts'
import type { AddressCodecs } from './codec.ts'
import { ErrorToIpv4 } from './error-to-ipv4.ts'
import type { IcmpCodec } from './icmp-codec.ts'
import { DONT_FRAGMENT, MAY_BE_FRAGMENTED, MORE_FRAGMENTS, writeIpv4Header } from './ipv4-header.ts'
import { Ipv6Headers } from './ipv6-headers.ts'
import { echoToIpv4, ICMPV6, icmpv6Sum, moveChecksum } from './transport-sums.ts'

export interface ToIpv4Options {
  readonly codecs: AddressCodecs
  readonly icmp: IcmpCodec
  /** The IPv4 packet becomes an IPv6 one again: no router fragments it, and fragments of ICMP are no matter. */
  readonly andBack?: boolean
}

/**
 * Makes IPv4 packets of IPv6 ones in place (RFC 7915 §5): header, ICMP, quoted packets and checksums. The hop limit stays:
 * it is for who forwards, and so is the identification of what may be fragmented. What has been refused is as it was.
 */
export class ToIpv4 {
  readonly #codecs: AddressCodecs
  readonly #andBack: boolean
  readonly #headers = new Ipv6Headers()
  readonly #errors: ErrorToIpv4

  constructor({ codecs, icmp, andBack = false }: ToIpv4Options) {
    this.#codecs = codecs
    this.#andBack = andBack
    this.#errors = new ErrorToIpv4(codecs, icmp, andBack)
  }

  /** Returns why the packet is not translated, or undefined. */
  translate(packet: IpPacket): string | undefined {
    const { view, offset, transport, segmentSize } = packet
    const end = offset + packet.length
    const reason = this.#headers.read(view, offset, end)
    if (reason !== undefined) return reason
    const { protocol, payload, fragment } = this.#headers
    const word = fragment === 0 ? 0 : view.getUint16(fragment + 2)
    const isFragment = (word & 0xfff9) !== 0
    const isFirst = (word & 0xfff8) === 0
    // ICMP of the other family means something else.
    if (protocol === ICMP) return 'protocol-not-translated'
    if (protocol === ICMPV6 && isFirst) {
      if (transport === 0) return 'transport-truncated'
      if (view.getUint8(transport) < 128) return isFragment ? 'fragment-of-error' : this.#errors.translate(packet)
    }
    // The checksum of ICMPv6 has the length of the whole in it, which a fragment does not tell (RFC 7915 §1.1).
    if (protocol === ICMPV6 && isFragment && !this.#andBack) return 'fragment-of-icmp'
    if (protocol === UDP && transport !== 0 && segmentSize === 0 && view.getUint16(transport + 6) === 0) {
      return 'udp-checksum-missing'
    }
    if (protocol === ICMPV6 && isFirst && !isEcho(view.getUint8(transport))) return 'icmp-type-not-translated'
    const source = this.#codecs.source.read(view, offset + 8)
    const destination = this.#codecs.destination.read(view, offset + 24)
    if (source === 0 || destination === 0) return 'no-ipv4-address'
    const pseudo = protocol === ICMPV6 ? icmpv6Sum(view, offset, isFragment, end - payload) : 0
    const before = onesComplementSum(view, offset + 8, 32)
    const ip = payload - 20
    const ttl = view.getUint8(offset + 7)
    const trafficClass = (view.getUint32(offset) >>> 20) & 0xff
    const shrunk = ip - offset
    const size = segmentSize > 0 ? packet.segmentHeader + segmentSize - shrunk : end - ip
    let flags = (word >> 3) | ((word & 1) === 0 ? 0 : MORE_FRAGMENTS)
    const protocol4 = protocol === ICMPV6 ? ICMP : protocol
    const id = fragment === 0 ? 0 : view.getUint16(fragment + 6)
    if (this.#andBack || (fragment === 0 && size > MAY_BE_FRAGMENTED)) flags |= DONT_FRAGMENT
    writeIpv4Header(view, ip, trafficClass, end - ip, id, flags, ttl, protocol4, source, destination)
    if (isFirst && protocol === ICMPV6) echoToIpv4(view, payload, pseudo)
    else if (isFirst && segmentSize === 0) {
      moveChecksum(view, payload, end, protocol, before, onesComplementSum(view, ip + 12, 8))
    }
    if (packet.segmentHeader > 0) packet.segmentHeader -= shrunk
    packet.offset = ip
    packet.length = end - ip
    return parseIp(packet)
  }
}

function isEcho(type: number): boolean {
  return type === 128 || type === 129
}
