import { isIPv6 } from 'node:net'
import type { HostPort } from '@millrace/layer-wireguard'

/** HOST:PORT as WireGuard's tools take it, with brackets around IPv6. */
export function formatEndpoint({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
