import { type IpPacket, MAXIMUM_PACKET, pseudoHeaderSum4, pseudoHeaderSum6 } from '@millrace/core'
import { headerLength, TCP, TCP_CHECKSUM, UDP_CHECKSUM } from './transport-header.ts'
import { GSO_ECN, GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, type VirtioHeader } from './virtio-header.ts'

/** CWR among the TCP flags (RFC 3168 §6.1). */
const CWR = 0x80

/**
 * Tells the kernel of a super-packet how to cut it, and puts the sum of the pseudo-header where each segment's checksum
 * will stand. Returns the reason for a drop, or undefined.
 */
export function describeSuperPacket(packet: IpPacket, header: VirtioHeader): string | undefined {
  const { view, version, protocol, offset, length, transport, segmentSize, segmentHeader } = packet
  const fits = segmentSize > 0 && segmentSize <= MAXIMUM_PACKET && length <= MAXIMUM_PACKET
  if (!fits || segmentHeader === 0 || headerLength(packet) !== segmentHeader) return 'super-packet-malformed'
  const start = transport - offset
  const field = protocol === TCP ? TCP_CHECKSUM : UDP_CHECKSUM
  const pseudoHeaderSum = version === 4 ? pseudoHeaderSum4 : pseudoHeaderSum6
  view.setUint16(transport + field, pseudoHeaderSum(view, offset, protocol, length - start))
  const cut = length - segmentHeader > segmentSize
  header.set(cut ? gsoTypeOf(packet) : GSO_NONE, segmentHeader, cut ? segmentSize : 0, start, field)
  return undefined
}

function gsoTypeOf({ memory, version, protocol, transport }: IpPacket): number {
  if (protocol !== TCP) return GSO_UDP_L4
  const type = version === 4 ? GSO_TCPV4 : GSO_TCPV6
  return ((memory[transport + 13] as number) & CWR) === 0 ? type : type | GSO_ECN
}
