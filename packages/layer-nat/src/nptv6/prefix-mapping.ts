import { onesComplementSum, type Prefix } from '@millrace/core'

/** The words of an address behind the first three, from the subnet on. */
const SUBNET = 3
const WORDS = 8
/** Up to here the subnet takes up the difference, and the interface identifier stays as it is. */
const SHORT = 48

/**
 * One prefix for another so that no checksum changes (RFC 6296): one word of the address takes up the difference of the
 * two prefixes. Nothing is remembered, and what was done can be undone.
 */
export class PrefixMapping {
  /** Prefix lengths are the longer of both; the shorter is filled with zeros (RFC 6296 §3.1). */
  readonly length: number
  readonly #inside: Prefix
  readonly #outside: Prefix
  /** What a word changes by on the way out, and on the way in. */
  readonly #out: number
  readonly #in: number

  constructor(inside: Prefix, outside: Prefix) {
    this.length = Math.max(inside.length, outside.length)
    this.#inside = inside
    this.#outside = outside
    this.#out = difference(sumOf(inside), sumOf(outside))
    this.#in = difference(sumOf(outside), sumOf(inside))
  }

  isInside(view: DataView, at: number): boolean {
    return isIn(view, at, this.#inside, this.length)
  }

  isOutside(view: DataView, at: number): boolean {
    return isIn(view, at, this.#outside, this.length)
  }

  /** Gives an inside address at `at` the outside prefix; false, and unchanged, if it is one that has no other. */
  toOutside(view: DataView, at: number): boolean {
    return this.#map(view, at, this.#inside, this.#outside, this.#out)
  }

  toInside(view: DataView, at: number): boolean {
    return this.#map(view, at, this.#outside, this.#inside, this.#in)
  }

  /** Whether the outside address at `at` has an inside one. */
  hasInside(view: DataView, at: number): boolean {
    return this.toInside(view, at) && this.toOutside(view, at)
  }

  #map(view: DataView, at: number, from: Prefix, to: Prefix, adjustment: number): boolean {
    const word = this.#wordOf(view, at)
    if (word < 0) return false
    const before = view.getUint16(at + word * 2)
    const sum = before + adjustment
    const folded = (sum & 0xffff) + (sum >>> 16)
    // Both are zero to a checksum; this one can be told from the all-ones that must not be (RFC 6296 §3.6).
    const after = folded === 0xffff ? 0 : folded
    write(view, at, to, this.length)
    view.setUint16(at + word * 2, after)
    if (this.#wordOf(view, at) === word) return true
    // What it would be has no way back: an identifier of all zeros.
    write(view, at, from, this.length)
    view.setUint16(at + word * 2, before)
    return false
  }

  /**
   * The word to change, or -1. Of prefixes up to /48 it is the subnet (RFC 6296 §3.4), of longer ones the first word of the
   * interface identifier that is not all ones (§3.5). Identifiers of all zeros and of all ones have none (§3.7).
   */
  #wordOf(view: DataView, at: number): number {
    if (this.length <= SHORT) return view.getUint16(at + SUBNET * 2) === 0xffff ? -1 : SUBNET
    if (view.getUint32(at + 8) === 0 && view.getUint32(at + 12) === 0) return -1
    for (let word = Math.max(4, Math.ceil(this.length / 16)); word < WORDS; word++) {
      if (view.getUint16(at + word * 2) !== 0xffff) return word
    }
    return -1
  }
}

function sumOf({ bytes }: Prefix): number {
  return onesComplementSum(new DataView(bytes.buffer, bytes.byteOffset, 16), 0, 16)
}

/** `from` - `to` in one's complement arithmetic, 0 for no difference. */
function difference(from: number, to: number): number {
  const sum = from + (~to & 0xffff)
  const folded = (sum & 0xffff) + (sum >>> 16)
  return folded === 0xffff ? 0 : folded
}

/** Whether the first `length` bits are those of the prefix, zeros behind its end. */
function isIn(view: DataView, at: number, { bytes }: Prefix, length: number): boolean {
  const whole = length >> 3
  for (let i = 0; i < whole; i++) if (view.getUint8(at + i) !== bytes[i]) return false
  const mask = 0xff00 >> (length & 7)
  return ((view.getUint8(at + whole) ^ (bytes[whole] as number)) & mask & 0xff) === 0
}

function write(view: DataView, at: number, { bytes }: Prefix, length: number): void {
  const whole = length >> 3
  for (let i = 0; i < whole; i++) view.setUint8(at + i, bytes[i] as number)
  const mask = (0xff00 >> (length & 7)) & 0xff
  if (mask !== 0) view.setUint8(at + whole, (view.getUint8(at + whole) & ~mask) | ((bytes[whole] as number) & mask))
}
