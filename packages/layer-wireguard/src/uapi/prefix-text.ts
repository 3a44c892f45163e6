import type { Prefix } from '@millrace/core'

const [DOT, SLASH, ZERO, NINE, COLON] = [0x2e, 0x2f, 0x30, 0x39, 0x3a]

/**
 * Reads `10.0.0.0/8` or `fd00::/64` from ASCII bytes, clearing the bits behind the length. Undefined if it is none.
 * The same as core's `parsePrefix` but for the length being a must; here a hundred thousand of them come at once.
 */
export function readPrefix(text: Uint8Array): Prefix | undefined {
  const slash = text.indexOf(SLASH)
  if (slash < 0) return undefined
  const family = text.indexOf(COLON) < 0 ? 4 : 6
  const bytes = new Uint8Array(family === 4 ? 4 : 16)
  const isAddress = family === 4 ? readIpv4(text, 0, slash, bytes, 0) : readIpv6(text, slash, bytes)
  const length = readDecimal(text, slash + 1, text.length)
  if (!isAddress || length < 0 || length > bytes.length * 8) return undefined
  clearBehind(bytes, length)
  return { family, bytes, length }
}

/** The text of a prefix; IPv6 by RFC 5952. */
export function prefixText({ family, bytes, length }: Prefix): string {
  if (family === 6) return `${ipv6Text(bytes)}/${length}`
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}/${length}`
}

/** Up to three digits without a zero in front, else -1. */
function readDecimal(text: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > 3 || (text[start] === ZERO && end - start > 1)) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = text[i] as number
    if (digit < ZERO || digit > NINE) return -1
    value = value * 10 + digit - ZERO
  }
  return value
}

function readIpv4(text: Uint8Array, start: number, end: number, to: Uint8Array, at: number): boolean {
  for (let i = 0; i < 4; i++) {
    const dot = i < 3 ? text.indexOf(DOT, start) : end
    const value = dot < 0 || dot > end ? -1 : readDecimal(text, start, dot)
    if (value < 0 || value > 255) return false
    to[at + i] = value
    start = dot + 1
  }
  return true
}

/** RFC 4291 §2.2, all three forms, without a zone. */
function readIpv6(text: Uint8Array, end: number, to: Uint8Array): boolean {
  let at = 0
  let gap = -1
  let i = 0
  if (text[0] === COLON && text[1] === COLON) {
    gap = 0
    i = 2
  }
  while (i < end) {
    const start = i
    let group = 0
    for (let digit = hexDigit(text[i]); digit >= 0; digit = hexDigit(text[++i])) group = ((group << 4) | digit) & 0xffff
    if (text[i] === DOT) {
      if (at > 12 || !readIpv4(text, start, end, to, at)) return false
      at += 4
      break
    }
    if (i === start || i - start > 4 || at > 14) return false
    to[at++] = group >> 8
    to[at++] = group & 0xff
    if (i === end) break
    if (text[i++] !== COLON || i === end) return false
    if (text[i] === COLON) {
      if (gap >= 0) return false
      gap = at
      i++
    }
  }
  if (gap < 0) return at === 16
  if (at > 14) return false
  const behind = at - gap
  to.copyWithin(16 - behind, gap, at)
  to.fill(0, gap, 16 - behind)
  return true
}

function hexDigit(character: number | undefined): number {
  if (character === undefined) return -1
  if (character >= ZERO && character <= NINE) return character - ZERO
  const letter = character | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function clearBehind(bytes: Uint8Array, length: number): void {
  const whole = length >> 3
  if (whole === bytes.length) return
  bytes[whole] = (bytes[whole] as number) & (0xff00 >> (length & 7))
  bytes.fill(0, whole + 1)
}

/** The longest run of two zero groups or more becomes `::`, the first of equals. */
function ipv6Text(bytes: Uint8Array): string {
  let [from, run] = [-1, 1]
  for (let i = 0, zeros = 0; i < 8; i++) {
    zeros = bytes[2 * i] === 0 && bytes[2 * i + 1] === 0 ? zeros + 1 : 0
    if (zeros > run) [from, run] = [i - zeros + 1, zeros]
  }
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i === from) {
      text += '::'
      i += run - 1
      continue
    }
    if (text !== '' && i !== from + run) text += ':'
    text += (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16)
  }
  return text
}
