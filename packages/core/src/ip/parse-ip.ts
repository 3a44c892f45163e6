import type { Packet } from '../packet/packet.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const NO_NEXT = 59
const DESTINATION_OPTIONS = 60
const MOBILITY = 135
const MAXIMUM_EXTENSION_HEADERS = 8

/**
 * Checks the IP header once, for all layers: version, header length, total length (RFC 791 §3.1, RFC 8200 §3). Sets
 * version, protocol and transport offset, and cuts the packet to the length its header states, so that padding goes no
 * further. Returns the reason for a drop, or undefined. Reads nothing outside the packet, whatever its bytes.
 */
export function parseIp(packet: Packet): string | undefined {
  const p = packet as PooledPacket
  p.version = 0
  p.protocol = 0
  p.transport = 0
  p.isFragment = false
  if (p.length === 0) return 'empty-packet'
  const version = (p.memory[p.offset] as number) >> 4
  if (version === 4) return parseIpv4(p)
  if (version === 6) return parseIpv6(p)
  return 'not-ip'
}

function parseIpv4(p: PooledPacket): string | undefined {
  if (p.length < 20) return 'ip-header-truncated'
  const headerLength = ((p.memory[p.offset] as number) & 15) * 4
  const totalLength = p.view.getUint16(p.offset + 2)
  if (headerLength < 20 || totalLength < headerLength) return 'ip-header-invalid'
  if (totalLength > p.length) return 'ip-packet-truncated'
  p.length = totalLength
  const fragment = p.view.getUint16(p.offset + 6)
  p.version = 4
  p.protocol = p.memory[p.offset + 9] as number
  p.isFragment = (fragment & 0x3fff) !== 0
  if ((fragment & 0x1fff) === 0) setTransport(p, p.offset + headerLength)
  return undefined
}

function parseIpv6(p: PooledPacket): string | undefined {
  if (p.length < 40) return 'ip-header-truncated'
  const totalLength = p.view.getUint16(p.offset + 4) + 40
  if (totalLength > p.length) return 'ip-packet-truncated'
  p.length = totalLength
  p.version = 6
  const end = p.offset + totalLength
  let next = p.memory[p.offset + 6] as number
  let at = p.offset + 40
  // RFC 8200 §4: every extension header is walked in order; the bound keeps a hostile chain from costing us time.
  for (let i = 0; i <= MAXIMUM_EXTENSION_HEADERS; i++) {
    p.protocol = next
    switch (next) {
      case HOP_BY_HOP:
      case ROUTING:
      case DESTINATION_OPTIONS:
      case MOBILITY:
        if (at + 8 > end) return undefined
        next = p.memory[at] as number
        at += ((p.memory[at + 1] as number) + 1) * 8
        break
      case AUTHENTICATION:
        if (at + 8 > end) return undefined
        next = p.memory[at] as number
        at += ((p.memory[at + 1] as number) + 2) * 4
        break
      case FRAGMENT:
        if (at + 8 > end) return undefined
        next = p.memory[at] as number
        p.isFragment = true
        if ((p.view.getUint16(at + 2) & 0xfff8) !== 0) {
          p.protocol = next
          return undefined
        }
        at += 8
        break
      case NO_NEXT:
        return undefined
      default:
        setTransport(p, at)
        return undefined
    }
  }
  return 'too-many-extension-headers'
}

/** The least a transport header needs so that every accessor stays inside the packet. */
function minimumTransportHeader(protocol: number): number {
  if (protocol === 6) return 20
  return 8
}

function setTransport(p: PooledPacket, at: number): void {
  if (at + minimumTransportHeader(p.protocol) <= p.offset + p.length) p.transport = at
}
