import { type Prefix, parsePrefix, prefixContains } from '../ip/address.ts'
import type { IpPacket } from '../packet/packet.ts'

/** Whether a packet's destination lies in one of the prefixes: for `filter`, `reject` and `fork`. */
export function destinationIn(...prefixes: readonly string[]): (packet: IpPacket) => boolean {
  return addressIn(prefixes, 16, 24)
}

/** Whether a packet's source lies in one of the prefixes. */
export function sourceIn(...prefixes: readonly string[]): (packet: IpPacket) => boolean {
  return addressIn(prefixes, 12, 8)
}

function addressIn(texts: readonly string[], offset4: number, offset6: number): (packet: IpPacket) => boolean {
  const prefixes: readonly Prefix[] = texts.map((text) => parsePrefix(text))
  return (packet) => {
    const offset = packet.offset + (packet.version === 4 ? offset4 : offset6)
    for (const prefix of prefixes) {
      if (prefix.family === packet.version && prefixContains(prefix, packet.memory, offset)) return true
    }
    return false
  }
}
