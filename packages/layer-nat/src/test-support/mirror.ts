import { decodePacket, icmpEcho, ipv4, ipv6, type Transport, tcpSegment, udpSegment } from '@millrace/core/testing'

/** The packet on its way back, as the other end would answer with the same payload. */
export function mirror(bytes: Uint8Array): Uint8Array {
  const packet = decodePacket(bytes)
  const { version, source, destination, ttl } = packet
  const trafficClass = version === 4 ? bytes[1]! : ((bytes[0]! & 15) << 4) | (bytes[1]! >> 4)
  const ends = { source: destination, destination: source }
  if (version === 4) return ipv4({ ...ends, ttl, tos: trafficClass, dontFragment: true }, transportOf(packet))
  const out = ipv6({ ...ends, hopLimit: ttl }, transportOf(packet))
  out[0] = 0x60 | (trafficClass >> 4)
  out[1] = (trafficClass & 15) << 4
  return out
}

function transportOf(packet: ReturnType<typeof decodePacket>): Transport {
  const { protocol, sourcePort, destinationPort, identifier, type, flags, payload } = packet
  const ports = { sourcePort: destinationPort!, destinationPort: sourcePort! }
  if (protocol === 6) return tcpSegment({ ...ports, flags: flags! }, payload)
  if (protocol === 17) return udpSegment(ports, payload)
  return icmpEcho({ type: type === 8 || type === 128 ? 'reply' : 'request', identifier: identifier! }, payload)
}
