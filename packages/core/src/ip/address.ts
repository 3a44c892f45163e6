import { createRequire } from 'node:module'
import { isIPv4, isIPv6 } from 'node:net'
import type * as IpAddr from 'ipaddr.js'
import { ConfigurationError } from '../runtime/errors.ts'
import { SocketAddress } from './socket-address.ts'

// By `import` Node first looks through all of its source for names it might export: 30 ms of 400 to start.
const ipaddr = createRequire(import.meta.url)('ipaddr.js') as typeof IpAddr

/** An IP prefix in binary form: `bytes` (4 or 16, network order) with all bits behind `length` zero. */
export interface Prefix {
  readonly family: 4 | 6
  readonly bytes: Uint8Array
  readonly length: number
}

/** The text form of the address at `offset`; IPv6 by RFC 5952. */
export function formatAddress(bytes: Uint8Array, offset: number, family: 4 | 6): string {
  if (family === 4) return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
  return new ipaddr.IPv6(Array.from(bytes.subarray(offset, offset + 16))).toRFC5952String()
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.bytes, 0, prefix.family)}/${prefix.length}`
}

/** Parses an address in its usual text form (no `0x7f.1`, no `010.0.0.1`, no zone). Throws a ConfigurationError that names `what`. */
export function parseAddress(text: string, what = 'address'): Prefix {
  if (isIPv4(text)) return prefixOf(ipaddr.IPv4.parse(text), 32)
  if (isIPv6(text) && !text.includes('%')) return prefixOf(ipaddr.IPv6.parse(hexadecimal(text)), 128)
  throw new ConfigurationError(`${what}: expected an IPv4 or IPv6 address, got "${text}"`)
}

/** Parses `10.0.0.0/8`, `fd00::/64` or a single address; bits behind the prefix length are cleared. */
export function parsePrefix(text: string, what = 'prefix'): Prefix {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash), what)
  if (slash < 0) return address
  const length = Number(text.slice(slash + 1))
  if (!/^\d{1,3}$/.test(text.slice(slash + 1)) || length > address.length) {
    throw new ConfigurationError(`${what}: expected a prefix length from 0 to ${address.length}, got "${text}"`)
  }
  const bytes = address.bytes
  for (let bit = length; bit < address.length; bit++)
    bytes[bit >> 3] = (bytes[bit >> 3] as number) & ~(0x80 >> (bit & 7))
  return { family: address.family, bytes, length }
}

/** Parses `192.0.2.1:51820` or `[2001:db8::1]:51820`. Names are not resolved here. */
export function parseSocketAddress(text: string, what = 'endpoint'): SocketAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65_535) {
    throw new ConfigurationError(`${what}: expected ADDRESS:PORT or [IPV6]:PORT, got "${text}"`)
  }
  const { family, bytes } = parseAddress((match[1] ?? match[2]) as string, what)
  return new SocketAddress(family, formatAddress(bytes, 0, family), port)
}

/** An IPv4 address as an unsigned 32-bit number, as `IpPacket.source4` has it. */
export function ipv4ToNumber(text: string, what = 'address'): number {
  const { family, bytes } = parseAddress(text, what)
  if (family !== 4) throw new ConfigurationError(`${what}: expected an IPv4 address, got "${text}"`)
  return new DataView(bytes.buffer).getUint32(0)
}

/** `::192.0.2.1` as `::c000:201`, which ipaddr.js would take for the mapped address `::ffff:192.0.2.1`. */
function hexadecimal(text: string): string {
  const tail = text.slice(text.lastIndexOf(':') + 1)
  if (!isIPv4(tail)) return text
  const [a, b, c, d] = ipaddr.IPv4.parse(tail).octets as [number, number, number, number]
  return `${text.slice(0, -tail.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

function prefixOf(address: IpAddr.IPv4 | IpAddr.IPv6, length: number): Prefix {
  return { family: length === 32 ? 4 : 6, bytes: Uint8Array.from(address.toByteArray()), length }
}

/** Whether the address at `offset` of `bytes` lies in `prefix`; the caller has checked that the family is the same. */
export function prefixContains(prefix: Prefix, bytes: Uint8Array, offset: number): boolean {
  const whole = prefix.length >> 3
  for (let i = 0; i < whole; i++) if (bytes[offset + i] !== prefix.bytes[i]) return false
  const rest = prefix.length & 7
  if (rest === 0) return true
  const mask = 0xff00 >> rest
  return (((bytes[offset + whole] as number) ^ (prefix.bytes[whole] as number)) & mask & 0xff) === 0
}
