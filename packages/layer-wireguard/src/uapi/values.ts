import { type Prefix, parseSocketAddress, SocketAddress } from '@millrace/core'
import { KEY_LENGTH } from '../crypto/crypto.ts'
import { EINVAL, UapiError } from './errno.ts'
import { readPrefix } from './prefix-text.ts'

// Each reads a value from ASCII bytes and throws an EINVAL that names the key and what was expected, never the value.

/** 64 hex digits. No string is made of them. */
export function readKey(key: string, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(KEY_LENGTH)
  let isKey = value.length === 2 * KEY_LENGTH
  for (let i = 0; isKey && i < KEY_LENGTH; i++) {
    const [high, low] = [nibble(value[2 * i] as number), nibble(value[2 * i + 1] as number)]
    isKey = high >= 0 && low >= 0
    bytes[i] = (high << 4) | low
  }
  if (isKey) return bytes
  bytes.fill(0)
  throw invalid(key, '64 hex digits')
}

/** Decimal, 0 to `maximum`. */
export function readNumber(key: string, value: Uint8Array, maximum: number): number {
  const text = asText(value)
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number <= maximum) return number
  throw invalid(key, `a number from 0 to ${maximum}`)
}

/** The flags have one value only. */
export function expectTrue(key: string, value: Uint8Array): void {
  if (asText(value) !== 'true') throw invalid(key, 'true')
}

/** `192.0.2.1:51820` or `[2001:db8::1]:51820`; a link-local address may have its zone, `[fe80::1%eth0]:51820`. */
export function readEndpoint(key: string, value: Uint8Array): SocketAddress {
  const text = asText(value)
  const [, zone] = /^\[[^%]*(%[\w.-]{1,15})\]:\d+$/.exec(text) ?? []
  try {
    const { family, address, port } = parseSocketAddress(zone === undefined ? text : text.replace(zone, ''))
    return new SocketAddress(family, `${address}${zone ?? ''}`, port)
  } catch {
    throw invalid(key, 'ADDRESS:PORT or [IPV6]:PORT')
  }
}

/** A prefix, and whether it is to go (`-` in front). */
export function readAllowedIp(
  key: string,
  value: Uint8Array,
): { readonly prefix: Prefix; readonly isRemoval: boolean } {
  const isRemoval = value[0] === 0x2d
  const prefix = readPrefix(isRemoval ? value.subarray(1) : value)
  if (prefix === undefined) throw invalid(key, 'ADDRESS/LENGTH')
  return { prefix, isRemoval }
}

function asText(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')
}

function invalid(key: string, expected: string): UapiError {
  return new UapiError(EINVAL, `${key}: expected ${expected}`)
}

function nibble(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30
  const letter = character | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
