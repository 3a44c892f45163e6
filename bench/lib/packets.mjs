// The two packets that the measurements in memory send: one segment of TCP, and a super-packet of as many as fit.
import { ipv4, tcpSegment } from '@millrace/core/testing'

/** IPv4 and TCP with the timestamp option, and an MSS for packets of 1,420 bytes. */
export const HEADER = 52
export const MSS = 1368
/** Not above 65,535 bytes: 47 segments. */
export const SUPER_SEGMENTS = Math.floor((65_535 - HEADER) / MSS)

/** NOP, NOP, timestamps (RFC 7323 §3.2). */
const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1)

export function tcpPacket(
  length,
  { port = 40_000, flags = 'ACK', source = '10.9.0.1', destination = '198.51.100.7' } = {},
) {
  const fields = { sourcePort: port, destinationPort: 443, flags, options: TIMESTAMPS }
  return ipv4(
    { source, destination, dontFragment: true },
    tcpSegment(fields, new Uint8Array(length - HEADER).fill(0x5a)),
  )
}

export const superPacket = (fields) => tcpPacket(HEADER + SUPER_SEGMENTS * MSS, fields)
