import { checksum, type IpPacket, type OnesComplement, TCP, UDP } from '@millrace/core'
import { transportChecksum } from '../ip/transport-checksum.ts'
import { readErrorKind } from './error-kind.ts'
import { echoRequestType, ICMP_HEADER, icmpProtocol } from './messages.ts'

/** Who takes some ICMP messages: returns the reason for a drop, or undefined. */
export interface IcmpTarget {
  receiveIcmp(packet: IpPacket, now: number): string | undefined
}

export interface IcmpTargets {
  /** Echo requests. */
  readonly echo?: { receive(packet: IpPacket, now: number): string | undefined }
  /** Errors about what was sent by TCP. */
  readonly tcp?: IcmpTarget
  /** Errors about what was sent by UDP. */
  readonly udp?: IcmpTarget
}

/** Checks incoming ICMP and ICMPv6 messages and hands each to whom it concerns. All others go no further. */
export class Icmp {
  readonly #targets: IcmpTargets
  readonly #sums: OnesComplement

  /** `sums` of the pool that the packets come from. */
  constructor(targets: IcmpTargets, sums: OnesComplement) {
    this.#targets = targets
    this.#sums = sums
  }

  /** Takes a packet in, without keeping it. Returns why it went no further, or undefined. */
  receive(packet: IpPacket, now: number): string | undefined {
    const { view, version, transport, offset, protocol } = packet
    if (protocol !== icmpProtocol(version)) return 'not-icmp'
    if (packet.isFragment) return 'icmp-fragment'
    if (transport === 0) return 'icmp-truncated'
    // ICMP over IPv4 has no pseudo-header to vouch for the addresses.
    if (version === 4 && checksum(view, offset, (view.getUint8(offset) & 15) * 4) !== 0) return 'ip-checksum'
    const length = offset + packet.length - transport
    if (transportChecksum(packet, version, protocol, transport, length, this.#sums) !== 0) return 'icmp-checksum'
    const type = view.getUint8(transport)
    const { echo, tcp, udp } = this.#targets
    if (type === echoRequestType(version)) return echo === undefined ? 'icmp-type-not-used' : echo.receive(packet, now)
    if (readErrorKind(version, type, view.getUint8(transport + 1)) === undefined) return 'icmp-type-not-used'
    const about = quotedProtocol(packet, length)
    const target = about === TCP ? tcp : about === UDP ? udp : undefined
    return target === undefined ? 'icmp-error-about-other' : target.receiveIcmp(packet, now)
  }
}

/** The protocol of the packet that an error quotes; -1 if it is not there. */
function quotedProtocol({ view, version, transport }: IpPacket, length: number): number {
  const at = transport + ICMP_HEADER + (version === 4 ? 9 : 6)
  return at < transport + length ? view.getUint8(at) : -1
}
