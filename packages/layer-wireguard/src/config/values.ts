import { isIPv4, isIPv6 } from 'node:net'
import { formatAddress, type Prefix, parseAddress, parsePrefix } from '@millrace/core'
import { KEY_LENGTH } from '../crypto/crypto.ts'
import { encodeKey } from '../keys.ts'
import type { HostPort, InterfaceAddress } from './config.ts'
import { type Place, shown } from './place.ts'
import { withoutSpaces } from './text.ts'

export function readKey(value: string, place: Place): Uint8Array {
  const text = withoutSpaces(value)
  const key = Uint8Array.from(Buffer.from(text, 'base64'))
  if (key.length === KEY_LENGTH && encodeKey(key) === text) return key
  return place.fail(`a key of ${KEY_LENGTH} bytes in base64 (44 characters)`, `${text.length} characters`)
}

export function readNumber(value: string, minimum: number, maximum: number, place: Place): number {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (number >= minimum && number <= maximum) return number
  return place.fail(`a number from ${minimum} to ${maximum}`, shown(value))
}

export function readFwmark(value: string, place: Place): number {
  if (value.toLowerCase() === 'off') return 0
  const number = /^(?:\d{1,10}|0x[\da-f]{1,8})$/i.test(value) ? Number(value) : Number.NaN
  if (number <= 0xffff_ffff) return number
  return place.fail('off or a number from 0 to 4294967295, decimal or 0x hex', shown(value))
}

export function readTable(value: string, place: Place): 'auto' | 'off' | number {
  const word = value.toLowerCase()
  if (word === 'auto' || word === 'off') return word
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN
  if (number >= 1 && number <= 0xffff_ffff) return number
  return place.fail('off, auto or a number from 1 to 4294967295', shown(value))
}

export function readKeepalive(value: string, place: Place): number {
  if (value.toLowerCase() === 'off') return 0
  const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN
  if (number <= 65_535) return number
  return place.fail('off or seconds from 0 to 65535', shown(value))
}

export function readBoolean(value: string, place: Place): boolean {
  const word = value.toLowerCase()
  return word === 'true' || (word === 'false' ? false : place.fail('true or false', shown(value)))
}

/** `10.0.0.2/24`, or without a length the address alone. */
export function readInterfaceAddress(value: string, place: Place): InterfaceAddress {
  const prefix = readPrefix(value, place)
  const { family, bytes } = parseAddress(value.split('/', 1)[0] as string)
  return { family, address: formatAddress(bytes, 0, family), prefixLength: prefix.length }
}

export function readPrefix(value: string, place: Place): Prefix {
  try {
    return parsePrefix(value)
  } catch {
    return place.fail('an IPv4 or IPv6 address, with /LENGTH or alone', shown(value))
  }
}

/** What wg-quick takes for a server and not for a search domain has to be an address. */
export function readDns(value: string, place: Place): { readonly text: string; readonly isServer: boolean } {
  const isServer = /^[\d.]+$/.test(value) || value.includes(':')
  if (isServer ? isIPv4(value) || isIPv6(value) : isHostName(value)) return { text: value, isServer }
  return place.fail('an IPv4 or IPv6 address or a search domain', shown(value))
}

export function readEndpoint(value: string, place: Place): HostPort {
  const [, address6, other, portText] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(withoutSpaces(value)) ?? []
  const port = Number(portText)
  const host = address6 ?? other ?? ''
  const isHost = address6 === undefined ? isIPv4(host) || isHostName(host) : isIPv6(host)
  if (isHost && port >= 1 && port <= 65_535) return { host, port }
  return place.fail('NAME:PORT, IPV4:PORT or [IPV6]:PORT', shown(value))
}

/** RFC 1123 §2.1, with the underscore that is in use. The last label is not a number, as in an address it would be. */
export function isHostName(text: string): boolean {
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.')
  const last = labels.at(-1) as string
  if (text.length > 253 || /^(?:\d+|0x[\da-f]*)$/i.test(last)) return false
  return labels.every((label) => /^(?!-)[\w-]{1,63}$/.test(label) && !label.endsWith('-'))
}
