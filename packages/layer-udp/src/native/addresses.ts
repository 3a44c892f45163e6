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

  constructor(family: 4 | 6, address: string, words: Int32Array, isLinkLocal: boolean) {
    super(family, address, words[LOCAL_INTERFACE] as number)
    this.words = words
    this.isLinkLocal = isLinkLocal
  }
}

/** What is being made text of. To ask the words that are kept for their buffer would take them out of the young heap. */
const scratch = new Int32Array(NAME_WORDS)
const bytes = new Uint8Array(scratch.buffer)

/** Copies the words of a socket address and makes text of them. */
export function decodeName(name: Int32Array, interfaces: Interfaces): NativeAddress {
  const words = copyWords(name, NAME_WORDS)
  const port = (bytes[2] as number) * 256 + (bytes[3] as number)
  if (isIpv4(words)) return new NativeAddress(4, formatAddress(bytes, 4, 4), port, words)
  const zone = isLinkLocal(bytes, 8) ? interfaces.nameOf(words[SCOPE] as number) : ''
  const address = formatAddress(bytes, 8, 6)
  return new NativeAddress(6, zone === '' ? address : `${address}%${zone}`, port, words)
}

/** Of a flood from everywhere all comes in at one address: text and words are the last one's where that is the same. */
export function decodeLocal(family: 4 | 6, local: Int32Array, last?: NativeLocal): NativeLocal {
  if (last?.family === family && isSame(last.words, local, LOCAL_WORDS)) {
    return new NativeLocal(family, last.address, last.words, last.isLinkLocal)
  }
  const words = copyWords(local, LOCAL_WORDS)
  return new NativeLocal(family, formatAddress(bytes, 0, family), words, family === 6 && isLinkLocal(bytes, 0))
}

export function isSame(a: Int32Array, b: Int32Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Also into the scratch memory. */
function copyWords(from: Int32Array, count: number): Int32Array {
  for (let i = 0; i < count; i++) scratch[i] = from[i] as number
  return scratch.slice(0, count)
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
  const { bytes } = parseAddress(local.address)
  new Uint8Array(words.buffer).set(bytes)
  words[LOCAL_INTERFACE] = local.interfaceIndex
  return new NativeLocal(local.family, local.address, words, local.family === 6 && isLinkLocal(bytes, 0))
}

function isIpv4(name: Int32Array): boolean {
  return ((name[0] as number) & 0xffff) === AF_INET
}

/** fe80::/10 (RFC 4291 §2.5.6). */
function isLinkLocal(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && ((bytes[at + 1] as number) & 0xc0) === 0x80
}
