import type { IpPacket } from '@millrace/core'

export const TCP = 6
export const UDP = 17

/** Where the checksum is in the transport header (RFC 9293 §3.1, RFC 768). */
export const TCP_CHECKSUM = 16
export const UDP_CHECKSUM = 6

/**
 * Bytes of the IP and the transport header of a TCP segment or UDP datagram together, from what stands in the packet
 * now; 0 if it is something else, a fragment, or not all there.
 */
export function headerLength({ memory, offset, length, protocol, transport, isFragment }: IpPacket): number {
  const before = transport - offset
  if (isFragment || !(before >= 20)) return 0
  if (protocol === UDP) return before + 8 <= length ? before + 8 : 0
  if (protocol !== TCP || before + 20 > length) return 0
  const own = ((memory[transport + 12] as number) >> 4) * 4
  return own >= 20 && before + own <= length ? before + own : 0
}
