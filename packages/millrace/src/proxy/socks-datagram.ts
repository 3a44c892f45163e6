import type { HostPort } from '@millrace/layer-wireguard'
import { readSocksAddress, socksAddress } from './socks-address.ts'

/** What a client has sent through an association (RFC 1928 §7). */
export interface SocksDatagram {
  readonly to: HostPort
  readonly bytes: Uint8Array
}

/** RSV (2), FRAG, then the address. Undefined for fragments, which may be refused, and for what is none. */
export function readSocksDatagram(datagram: Uint8Array): SocksDatagram | undefined {
  const buffer = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length)
  if (buffer.length < 4 || buffer[2] !== 0) return undefined
  const address = readSocksAddress(buffer, 3)
  if (typeof address === 'string' || address.to.port === 0) return undefined
  return { to: address.to, bytes: buffer.subarray(address.end) }
}

/** A datagram that came from an address, as its client gets it. */
export function socksDatagram(bytes: Uint8Array, from: HostPort): Buffer {
  return Buffer.concat([Buffer.of(0, 0, 0), socksAddress(from), bytes])
}
