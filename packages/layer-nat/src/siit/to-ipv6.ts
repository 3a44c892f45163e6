import { checksum, type IpPacket, onesComplementSum, parseIp, pseudoHeaderSum6 } from '@millrace/core'
import { isTranslatedError } from '../icmp-error.ts'
import { ICMP, UDP } from '../protocols.ts'
import type { AddressCodecs } from './codec.ts'
import { ErrorToIpv6 } from './error-to-ipv6.ts'
import type { IcmpCodec } from './icmp-codec.ts'
import { FRAGMENT_OFFSET, hasSourceRoute, MORE_FRAGMENTS } from './ipv4-header.ts'
import { Ipv6Writer } from './ipv6-writer.ts'
import { echoToIpv6, ICMPV6, icmpv6Sum, moveChecksum } from './transport-sums.ts'

/** Not a drop: the packet is to be cut in pieces. */
export const CUT = 'cut'

export interface ToIpv6Options {
  readonly codecs: AddressCodecs
  readonly icmp: IcmpCodec
  /** Bytes that an IPv6 packet may have. `Infinity` where no router may fragment. */
  readonly mtu: number
  /** The IPv4 packet has been an IPv6 one: fragments of ICMP are no matter. */
  readonly andBack?: boolean
}

/**
 * Makes IPv6 packets of IPv4 ones (RFC 7915 §4), in place, into the headroom. What does not fit in `mtu` is cut: then
 * {@link translate} returns `CUT`, the pieces are to be written elsewhere, and the packet itself is of no more use.
 */
export class ToIpv6 {
  readonly #codecs: AddressCodecs
  readonly #mtu: number
  readonly #andBack: boolean
  readonly #writer = new Ipv6Writer()
  readonly #errors: ErrorToIpv6
  /** Of the packet to be cut: where its payload lies, and what is said of it. */
  #payload = 0
  #end = 0
  #units = 0
  #moreFragments = false
  #id = 0

  constructor({ codecs, icmp, mtu, andBack = false }: ToIpv6Options) {
    this.#codecs = codecs
    this.#mtu = mtu
    this.#andBack = andBack
    this.#errors = new ErrorToIpv6(codecs, icmp)
  }

  /** Returns why the packet is not translated, or `CUT`, or undefined. */
  translate(packet: IpPacket): string | undefined {
    const { view, offset, protocol, transport, segmentSize } = packet
    const end = offset + packet.length
    const payload = offset + (view.getUint8(offset) & 15) * 4
    if (hasSourceRoute(view, offset + 20, payload)) return 'source-route-not-translated'
    if (protocol === ICMPV6) return 'protocol-not-translated'
    const word = view.getUint16(offset + 6)
    const isFragment = (word & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) !== 0
    const isFirst = (word & FRAGMENT_OFFSET) === 0
    if (protocol === ICMP && isFirst) {
      if (transport === 0) return 'transport-truncated'
      if (isTranslatedError(view.getUint8(transport))) {
        return isFragment ? 'fragment-of-error' : this.#errors.translate(packet)
      }
    }
    if (protocol === ICMP && isFragment && !this.#andBack) return 'fragment-of-icmp'
    const noChecksum = protocol === UDP && transport !== 0 && segmentSize === 0 && view.getUint16(transport + 6) === 0
    // It would have to be computed over what has not come (RFC 7915 §4.5).
    if (noChecksum && isFragment) return 'udp-checksum-missing'

    const writer = this.#writer
    writer.begin(view.getUint8(offset + 1), view.getUint8(offset + 8), protocol === ICMP ? ICMPV6 : protocol)
    const { source, destination } = this.#codecs
    if (!source.write(view.getUint32(offset + 12), writer.view, 8)) return 'no-ipv6-address'
    if (!destination.write(view.getUint32(offset + 16), writer.view, 24)) return 'no-ipv6-address'
    const id = view.getUint16(offset + 4)
    const moreFragments = (word & MORE_FRAGMENTS) !== 0
    if (isFragment) writer.fragment(word & FRAGMENT_OFFSET, moreFragments, id)
    const isCut = segmentSize === 0 && writer.length + end - payload > this.#mtu
    const grown = writer.length - (payload - offset)
    if (!isCut && packet.headroom < grown) return 'no-headroom'

    if (isFirst && protocol === ICMP) {
      const sum = icmpv6Sum(writer.view, 0, isFragment, end - payload)
      if (!echoToIpv6(view, payload, sum)) return 'icmp-type-not-translated'
    } else if (noChecksum) {
      const sum = checksum(view, payload, end - payload, pseudoHeaderSum6(writer.view, 0, UDP, end - payload))
      const written = sum === 0 ? 0xffff : sum
      view.setUint16(payload + 6, written)
    } else if (isFirst && segmentSize === 0) {
      const before = onesComplementSum(view, offset + 12, 8)
      moveChecksum(view, payload, end, protocol, before, onesComplementSum(writer.view, 8, 32))
    }
    if (isCut) {
      this.#payload = payload
      this.#end = end
      this.#units = word & FRAGMENT_OFFSET
      this.#moreFragments = moreFragments
      this.#id = id
      return CUT
    }
    packet.offset = writer.write(view, payload, end - payload)
    packet.length = end - packet.offset
    if (packet.segmentHeader > 0) packet.segmentHeader += grown
    return parseIp(packet)
  }

  /** How many pieces the packet is to be cut into. */
  get pieces(): number {
    return Math.ceil((this.#end - this.#payload) / (Ipv6Writer.unitsIn(this.#mtu) * 8))
  }

  /** Most bytes of a piece. */
  get pieceLength(): number {
    return this.#mtu
  }

  /** Writes piece `index` of the packet, which is in the same memory, to `piece`. */
  writePiece(index: number, piece: IpPacket): string | undefined {
    const { memory, view, offset } = piece
    const units = Ipv6Writer.unitsIn(this.#mtu)
    const from = this.#payload + index * units * 8
    const bytes = Math.min(units * 8, this.#end - from)
    const isLast = from + bytes === this.#end
    this.#writer.fragment(this.#units + index * units, !isLast || this.#moreFragments, this.#id)
    this.#writer.write(view, offset + this.#writer.length, bytes)
    memory.copyWithin(offset + this.#writer.length, from, from + bytes)
    piece.length = this.#writer.length + bytes
    return parseIp(piece)
  }
}
