import { ConfigurationError, formatPrefix, type Prefix, parsePrefix } from '@millrace/core'
import type { AddressCodec } from '../siit/codec.ts'

const LENGTHS = [32, 40, 48, 56, 64, 96]
/** Bits 64 to 71 are no part of the address, and zero (RFC 6052 §2.2). */
const RESERVED_BYTE = 8
export const WELL_KNOWN_PREFIX = '64:ff9b::/96'

/** What is not an address of the internet (RFC 6890), first addresses and prefix lengths: RFC 6052 §3.1. */
const NOT_GLOBAL = Uint32Array.of(
  ...[0x0000_0000, 8],
  ...[0x0a00_0000, 8],
  ...[0x6440_0000, 10],
  ...[0x7f00_0000, 8],
  ...[0xa9fe_0000, 16],
  ...[0xac10_0000, 12],
  ...[0xc000_0000, 24],
  ...[0xc000_0200, 24],
  ...[0xc0a8_0000, 16],
  ...[0xc612_0000, 15],
  ...[0xc633_6400, 24],
  ...[0xcb00_7100, 24],
  ...[0xe000_0000, 3],
)

/** IPv4 addresses embedded in IPv6 ones behind a prefix (RFC 6052 §2.2). */
export class EmbeddedAddresses implements AddressCodec {
  /** The well-known prefix must not stand before private addresses and the like (RFC 6052 §3.1). */
  readonly isWellKnown: boolean
  readonly #words: Uint32Array
  readonly #masks: Uint32Array
  /** Where each byte of the IPv4 address stands. */
  readonly #places: readonly [number, number, number, number]
  readonly #hasReserved: boolean

  constructor(prefix: Prefix) {
    const view = new DataView(prefix.bytes.buffer, prefix.bytes.byteOffset, 16)
    this.isWellKnown = formatPrefix(prefix) === WELL_KNOWN_PREFIX
    this.#words = Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at))
    this.#masks = Uint32Array.from([0, 32, 64], (bit) => maskOf(prefix.length - bit))
    this.#hasReserved = prefix.length < 96
    const first = prefix.length / 8
    const skip = (place: number): number => (this.#hasReserved && place >= RESERVED_BYTE ? place + 1 : place)
    this.#places = [skip(first), skip(first + 1), skip(first + 2), skip(first + 3)]
  }

  /** Whether the address at `at` begins with the prefix. */
  contains(view: DataView, at: number): boolean {
    const [words, masks] = [this.#words, this.#masks]
    return (
      ((view.getUint32(at) ^ (words[0] as number)) & (masks[0] as number)) === 0 &&
      ((view.getUint32(at + 4) ^ (words[1] as number)) & (masks[1] as number)) === 0 &&
      ((view.getUint32(at + 8) ^ (words[2] as number)) & (masks[2] as number)) === 0
    )
  }

  read(view: DataView, at: number): number {
    if (!this.contains(view, at) || (this.#hasReserved && view.getUint8(at + RESERVED_BYTE) !== 0)) return 0
    const [a, b, c, d] = this.#places
    const high = (view.getUint8(at + a) << 8) | view.getUint8(at + b)
    const address = ((high << 16) | (view.getUint8(at + c) << 8) | view.getUint8(at + d)) >>> 0
    return this.isWellKnown && !isGlobal(address) ? 0 : address
  }

  write(address: number, view: DataView, at: number): boolean {
    if (this.isWellKnown && !isGlobal(address)) return false
    this.embed(address, view, at)
    return true
  }

  /** Writes it whatever address it is. */
  embed(address: number, view: DataView, at: number): void {
    for (let i = 0; i < 4; i++) view.setUint32(at + i * 4, this.#words[i] as number)
    const [a, b, c, d] = this.#places
    view.setUint8(at + a, address >>> 24)
    view.setUint8(at + b, (address >>> 16) & 255)
    view.setUint8(at + c, (address >>> 8) & 255)
    view.setUint8(at + d, address & 255)
  }
}

/** Checks an option. `what` names it. */
export function readPrefix(text: string, what: string): Prefix {
  const prefix = parsePrefix(text, what)
  if (prefix.family !== 6 || !LENGTHS.includes(prefix.length)) {
    throw new ConfigurationError(`${what}: expected an IPv6 prefix of length ${LENGTHS.join(', ')}, got "${text}"`)
  }
  if (prefix.bytes[RESERVED_BYTE] !== 0) {
    throw new ConfigurationError(`${what}: expected bits 64 to 71 to be 0, got "${text}"`)
  }
  return prefix
}

/** Whether routers of the internet have a way to an IPv4 address. */
export function isGlobal(address: number): boolean {
  for (let i = 0; i < NOT_GLOBAL.length; i += 2) {
    if ((address ^ (NOT_GLOBAL[i] as number)) >>> (32 - (NOT_GLOBAL[i + 1] as number)) === 0) return false
  }
  return true
}

/** The first `bits` of a word, none if negative. */
function maskOf(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? 0xffff_ffff : (-1 << (32 - bits)) >>> 0
}
