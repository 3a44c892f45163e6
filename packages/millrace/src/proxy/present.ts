import { formatHostPort } from '@millrace/layer-wireguard'
import type { Opened } from './open-proxy.ts'

/** A running proxy, as it is told to people and programs. */
export interface ProxyPresentation {
  readonly opened: readonly Opened[]
  /** The tunnel's own. */
  readonly addresses: readonly string[]
  /** Name servers inside. */
  readonly dns: readonly string[]
}

/** What `millrace proxy` prints when everything is open. */
export function presentProxy({ opened, addresses, dns }: ProxyPresentation): string {
  const rows = opened.map((one) => rowOf(one, addresses))
  const width = Math.max(...rows.map(([left]) => left.length))
  const lines = rows.map(([left, right]) => `    ${left.padEnd(width)}  ${right}`)
  const names =
    dns.length === 0 ? 'cannot be looked up, the configuration has no DNS' : `looked up at ${dns.join(', ')}`
  return `
  Through the tunnel, as ${addresses.join(' and ')}:

${lines.join('\n')}

  Names inside the tunnel: ${names}
  To stop: Ctrl-C

`
}

/** The same for a program: one object. */
export function describeProxy({ opened, addresses, dns }: ProxyPresentation): object {
  return {
    event: 'ready',
    addresses,
    dns,
    listeners: opened.map(({ option, protocol, listen, to }) => ({
      option,
      protocol,
      listen: formatHostPort(listen),
      ...(to === undefined ? {} : { to: formatHostPort(to) }),
    })),
  }
}

function rowOf({ option, protocol, listen, to }: Opened, addresses: readonly string[]): readonly [string, string] {
  if (option === 'socks5')
    return [`SOCKS5  ${formatHostPort(listen)}`, `curl --socks5-hostname ${formatHostPort(listen)} URL`]
  if (option === 'http') return [`HTTP    ${formatHostPort(listen)}`, `curl -x http://${formatHostPort(listen)} URL`]
  const isAny = listen.host === '::'
  const place = isAny ? addresses.map((host) => formatHostPort({ ...listen, host })).join(', ') : formatHostPort(listen)
  const target = to === undefined ? '' : formatHostPort(to)
  return option === 'forward'
    ? [`${protocol.toUpperCase()}     ${place}`, `to ${target} in the tunnel`]
    : [`${protocol.toUpperCase()}     ${place} in the tunnel`, `to ${target}`]
}
