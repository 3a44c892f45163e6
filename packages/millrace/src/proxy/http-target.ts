import { isIPv6 } from 'node:net'
import type { HostPort } from '@millrace/layer-wireguard'

/** What a request in absolute form is for (RFC 9112 §3.2.2). */
export interface HttpTarget {
  readonly to: HostPort
  /** As it was written: what the Host field of the request becomes. */
  readonly authority: string
  /** In origin form, to the byte as it was; or `*`, the server as a whole (RFC 9112 §3.2.4). */
  readonly path: string
}

/** Of `http://host[:port]/path` in a request with this method; undefined for all else. */
export function readAbsoluteForm(method: string | undefined, target: string): HttpTarget | undefined {
  const match = /^http:\/\/([^/?#]*)([^#]*)$/i.exec(target)
  if (match === null) return undefined
  const [, authority = '', rest = ''] = match
  const to = readAuthority(authority, 80)
  if (to === undefined) return undefined
  if (method === 'OPTIONS' && rest === '') return { to, authority, path: '*' }
  return { to, authority, path: rest.startsWith('/') ? rest : `/${rest}` }
}

/** Of `host:port`, `[v6]:port`, and `host` if there is a port to stand in. No user, no empty host. */
export function readAuthority(authority: string, defaultPort?: number): HostPort | undefined {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]@\s]+))(?::(\d{1,5})?)?$/.exec(authority)
  if (match === null) return undefined
  const [, address6, name, portText] = match
  if (address6 !== undefined && (!isIPv6(address6) || address6.includes('%'))) return undefined
  const port = portText === undefined ? defaultPort : Number(portText)
  if (port === undefined || port < 1 || port > 65_535) return undefined
  return { host: (address6 ?? name) as string, port }
}
