import type { HostPort } from './config.ts'

/** HOST:PORT as WireGuard's tools take it, with brackets around IPv6. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
