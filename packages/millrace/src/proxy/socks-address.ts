import { isIPv4 } from 'node:net'
import { formatAddress, parseAddress } from '@millrace/core'
import type { HostPort } from '@millrace/layer-wireguard'

const IPV4 = 1
const NAME = 3
const IPV6 = 4

/** An address as SOCKS writes it (RFC 1928 §5), and where the bytes behind it begin. */
export interface SocksAddress {
  readonly to: HostPort
  readonly end: number
}

/**
 * Reads the address and port at `at`: ATYP, address, port. `incomplete` while there are too few bytes, `unsupported` for
 * a type that there is not.
 */
export function readSocksAddress(bytes: Buffer, at: number): SocksAddress | 'incomplete' | 'unsupported' {
  const type = bytes[at]
  if (type === undefined) return 'incomplete'
  const start = type === NAME ? at + 2 : at + 1
  const length = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? bytes[at + 1] : undefined
  if (length === undefined) return type === NAME ? 'incomplete' : 'unsupported'
  const end = start + length
  if (bytes.length < end + 2) return 'incomplete'
  const host = type === NAME ? bytes.toString('latin1', start, end) : formatAddress(bytes, start, type === IPV4 ? 4 : 6)
  return { to: { host, port: bytes.readUInt16BE(end) }, end: end + 2 }
}

/** The same in bytes; of an address, not a name. */
export function socksAddress({ host, port }: HostPort): Buffer {
  const { bytes } = parseAddress(host)
  const written = Buffer.alloc(bytes.length + 3)
  written[0] = bytes.length === 4 ? IPV4 : IPV6
  written.set(bytes, 1)
  written.writeUInt16BE(port, bytes.length + 1)
  return written
}

/** Of an address that a socket has: without the zone, and IPv4 where IPv6 only stands around it. */
export function plainAddress(address: string): string {
  const [withoutZone = ''] = address.split('%', 1)
  const mapped = /^::ffff:([\d.]+)$/i.exec(withoutZone)?.[1] ?? ''
  return isIPv4(mapped) ? mapped : withoutZone
}
