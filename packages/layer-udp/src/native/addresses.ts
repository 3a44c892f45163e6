import { formatAddress, LocalAddress, parseAddress, SocketAddress } from '@millrace/core'
import { AF_INET, AF_INET6, NAME_WORDS } from '@millrace/native'

/** An address (IPv4 in the first word) and the index of an interface. */
export const LOCAL_WORDS = 5
const LOCAL_INTERFACE = 4
const SCOPE = 6

/** Names of interfaces, for the zone of a link-local address. Empty and 0 where there is none. */
export interface Interfaces {
  nameOf(index: number): string
  indexOf(name: string): number
}

/** A socket address as the kernel has it, ready to be sent to. */
export class NativeAddress extends SocketAddress {
  readonly words: Int32Array
  /** Datagrams that are larger than this do not go there in trains, until `limitedUntil` (Clock.now). */
  largestSegment: number = Number.POSITIVE_INFINITY
  limitedUntil = 0

  constructor(family: 4 | 6, address: string, port: number, words: Int32Array) {
    super(family, address, port)
    this.words = words
  }
}

/** A local address as the kernel has it. */
export class NativeLocal extends LocalAddress {
  readonly words: Int32Array
  readonly isLinkLocal: boolean
  /** Up to which change of the host's routes it is known to be of use, or not to be. */
  checked = -1

  constructor(family: 4 | 6, address: string, words: Int32Array) {
    super(family, address, words[LOCAL_INTERFACE] as number)
    this.words = words
    this.isLinkLocal = family === 6 && isLinkLocal(new Uint8Array(words.buffer), 0)
  }
}

/** Copies the words of a socket address and makes text of them. */
export function decodeName(name: Int32Array, interfaces: Interfaces): NativeAddress {
  const words = name.slice(0, NAME_WORDS)
  const bytes = new Uint8Array(words.buffer)
  const port = (bytes[2] as number) * 256 + (bytes[3] as number)
  if (isIpv4(words)) return new NativeAddress(4, formatAddress(bytes, 4, 4), port, words)
  const zone = isLinkLocal(bytes, 8) ? interfaces.nameOf(words[SCOPE] as number) : ''
  const address = formatAddress(bytes, 8, 6)
  return new NativeAddress(6, zone === '' ? address : `${address}%${zone}`, port, words)
}

export function decodeLocal(family: 4 | 6, local: Int32Array): NativeLocal {
  const words = local.slice(0, LOCAL_WORDS)
  return new NativeLocal(family, formatAddress(new Uint8Array(words.buffer), 0, family), words)
}

/** Throws a ConfigurationError if the text is no address. */
export function encodeName(remote: SocketAddress, interfaces: Interfaces): NativeAddress {
  const { family, port } = remote
  const [text = '', zone] = remote.address.split('%')
  const { bytes } = parseAddress(text)
  const words = new Int32Array(NAME_WORDS)
  const name = new Uint8Array(words.buffer)
  name.set([family === 4 ? AF_INET : AF_INET6, 0, port >> 8, port & 0xff])
  name.set(bytes, family === 4 ? 4 : 8)
  if (zone !== undefined) words[SCOPE] = interfaces.indexOf(zone)
  return new NativeAddress(family, remote.address, port, words)
}

/** As {@link encodeName}. */
export function encodeLocal(local: LocalAddress): NativeLocal {
  const words = new Int32Array(LOCAL_WORDS)
  new Uint8Array(words.buffer).set(parseAddress(local.address).bytes)
  words[LOCAL_INTERFACE] = local.interfaceIndex
  return new NativeLocal(local.family, local.address, words)
}

export function isIpv4(name: Int32Array): boolean {
  return ((name[0] as number) & 0xffff) === AF_INET
}

/** fe80::/10 (RFC 4291 §2.5.6). */
function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && ((bytes[at + 1] as number) & 0xc0) === 0x80
}
