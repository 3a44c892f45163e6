import { isIP, isIPv6 } from 'node:net'
import { ConfigurationError } from '@millrace/core'
import type { HostPort } from '@millrace/layer-wireguard'

const NAME = /^(?=.{1,253}$)\w([\w-]{0,62})(\.\w([\w-]{0,62}))*\.?$/

/** Where to listen: PORT, ADDRESS:PORT or [IPV6]:PORT, port 0 for any that is free. Undefined if it is none of these. */
export function readListen(text: string, defaultAddress: string): HostPort | undefined {
  const read = readParts(text, defaultAddress)
  if (read?.host === 'localhost') return { ...read, host: '127.0.0.1' }
  return read !== undefined && isIP(read.host) !== 0 ? read : undefined
}

/** Where to connect to: HOST:PORT or [IPV6]:PORT, and PORT alone if there is a host to stand in. Undefined if not. */
export function readDestination(text: string, defaultHost?: string): HostPort | undefined {
  const read = readParts(text, defaultHost)
  if (read === undefined || read.port === 0) return undefined
  // All digits and dots is an address or a mistake, never a name.
  const isName = NAME.test(read.host) && !/^[\d.]+$/.test(read.host)
  return isIP(read.host) !== 0 || isName ? read : undefined
}

/** `option: expected …, got "text"`. */
export function unexpected(option: string, expected: string, text: string): ConfigurationError {
  return new ConfigurationError(`${option}: expected ${expected}, got ${JSON.stringify(text)}`)
}

function readParts(text: string, defaultHost: string | undefined): HostPort | undefined {
  const match = /^(?:(?:\[([^[\]%]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const [, address6, other, portText] = match
  const host = address6 ?? other ?? defaultHost
  const port = Number(portText)
  if (host === undefined || port > 65_535 || (address6 !== undefined && !isIPv6(address6))) return undefined
  return { host, port }
}
