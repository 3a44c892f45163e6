import { isIP } from 'node:net'
import { ConfigurationError } from '@millrace/core'

/** Where clients find the gateway: a name or an address, and the port if it differs from the one listened on. */
export interface PublicHost {
  readonly host: string
  readonly port?: number
}

const NAME = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?$/

/** Parses HOST, HOST:PORT, an IPv6 address, or [IPV6]:PORT. */
export function parsePublicHost(text: string, what: string): PublicHost {
  if (isIP(text) === 6) return { host: text }
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = match?.[3] === undefined ? undefined : Number(match[3])
  const valid = match?.[1] === undefined ? isName(host) : isIP(host) === 6
  if (!valid || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new ConfigurationError(
      `${what}: expected HOST, HOST:PORT or [IPV6]:PORT with a port from 1 to 65535, got ${JSON.stringify(text)}`,
    )
  }
  return port === undefined ? { host } : { host, port }
}

/** All digits and dots is an address or a mistake, never a name. */
function isName(host: string): boolean {
  return isIP(host) === 4 || (NAME.test(host) && !/^[\d.]+$/.test(host))
}
