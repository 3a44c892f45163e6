import { asIpPacket, type IpPacket, type OnesComplement, type Packet, parseIp } from '@millrace/core'
import { headerLength, TCP, TCP_CHECKSUM, UDP, UDP_CHECKSUM } from './transport-header.ts'
import {
  GSO_ECN,
  GSO_NONE,
  GSO_TCPV4,
  GSO_TCPV6,
  GSO_UDP_L4,
  NEEDS_CHECKSUM,
  VIRTIO_HEADER,
  type VirtioHeader,
} from './virtio-header.ts'

/**
 * Makes a packet as the stack knows it out of what the kernel gave, a virtio_net_hdr and an IP packet behind it: an
 * ordinary packet gets its checksum, a super-packet its `segmentSize` and `segmentHeader`. Returns the reason for a drop,
 * or undefined. Of the header nothing is believed that would lead out of the packet.
 */
export function acceptPacket(packet: Packet, header: VirtioHeader, sums: OnesComplement): string | undefined {
  const reason = parseIp(packet)
  if (reason !== undefined) return reason
  const ip = asIpPacket(packet)
  header.at = ip.offset - VIRTIO_HEADER
  if (header.gsoType !== GSO_NONE) {
    const reason = acceptSegments(ip, header)
    if (reason !== undefined || ip.segmentSize !== 0) return reason
  }
  return (header.flags & NEEDS_CHECKSUM) === 0 ? undefined : completeChecksum(ip, header, sums)
}

function completeChecksum(packet: IpPacket, header: VirtioHeader, sums: OnesComplement): string | undefined {
  const { version, view, offset, length } = packet
  const { checksumStart, checksumOffset } = header
  const field = checksumStart + checksumOffset
  if (checksumStart < (version === 4 ? 20 : 40) || field + 2 > length) return 'checksum-out-of-bounds'
  const checksum = ~sums.sum(offset + checksumStart, length - checksumStart) & 0xffff
  // In UDP 0 is "none computed" (RFC 768).
  view.setUint16(offset + field, checksum === 0 && checksumOffset === UDP_CHECKSUM ? 0xffff : checksum)
  return undefined
}

/** What fits into one segment stays an ordinary packet. */
function acceptSegments(packet: IpPacket, header: VirtioHeader): string | undefined {
  const protocol = protocolOf(header.gsoType, packet.version)
  if (protocol === 0) return 'super-packet-unknown'
  const headers = headerLength(packet)
  const { gsoSize } = header
  if (packet.protocol !== protocol || headers === 0 || gsoSize === 0 || !consistent(packet, header)) {
    return 'super-packet-malformed'
  }
  if (packet.length - headers <= gsoSize) return undefined
  packet.segmentSize = gsoSize
  packet.segmentHeader = headers
  return undefined
}

/** The transport protocol whose segments a GSO type means, 0 if it means none of this IP version. */
function protocolOf(gsoType: number, version: 4 | 6): number {
  if (gsoType === GSO_UDP_L4) return UDP
  return (gsoType & ~GSO_ECN) === (version === 4 ? GSO_TCPV4 : GSO_TCPV6) ? TCP : 0
}

/** Whether header and packet speak of the same transport header: in a tunnel's packet there may be another further in. */
function consistent({ view, offset, length, protocol, transport }: IpPacket, header: VirtioHeader): boolean {
  if (protocol === UDP && view.getUint16(transport + 4) !== offset + length - transport) return false
  if ((header.flags & NEEDS_CHECKSUM) === 0) return true
  const field = protocol === UDP ? UDP_CHECKSUM : TCP_CHECKSUM
  return header.checksumStart === transport - offset && header.checksumOffset === field
}
