import { EnvironmentError, parseAddress, parsePrefix, parseSocketAddress, prefixContains } from '@millrace/core'
import { formatHostPort } from '@millrace/layer-wireguard'
import type { HostRoute } from '@millrace/native'
import { parsePublicHost } from '../state/public-host.ts'
import type { Host } from './host.ts'
import type { Plan } from './plan.ts'

const MAIN_TABLE = 254

/** The interface to the outside: as told, or the one over which the egress address, or else the world, is reached. */
export function outerInterface({ outer, egress }: Plan, host: Host): string {
  const route = egress.mode === 'tun' ? host.routeTo(egress.address) : defaultRoute(host)
  const name = outer ?? route?.interfaceName
  if (name === undefined || name === 'lo') {
    throw new EnvironmentError('no default route tells which interface leads outside: name it with --outer')
  }
  return name
}

/** HOST:PORT for the clients: as `--public` says, or the address with which this host goes out. */
export function publicEndpoint({ public: chosen, listenPort }: Plan, host: Host): string {
  if (chosen !== undefined) {
    const { host: name, port } = parsePublicHost(chosen, '--public')
    return formatHostPort({ host: name, port: port ?? listenPort })
  }
  const route = defaultRoute(host)
  const address =
    route?.source ?? host.addresses().find(({ family, index }) => family === 4 && index === route?.index)?.address
  if (address === undefined) {
    throw new EnvironmentError(
      'no default route tells under which address clients reach this gateway: name it with --public HOST',
    )
  }
  return formatHostPort({ host: address, port: listenPort })
}

/** The address that the world sees; in kernel mode that of the outer interface, undefined if it has none. */
export function egressAddress({ egress }: Plan, outer: string, host: Host): string | undefined {
  if (egress.mode === 'tun') return egress.address
  const route = defaultRoute(host)
  if (route?.interfaceName === outer && route.source !== undefined) return route.source
  return host.addresses().find(({ family, interfaceName }) => family === 4 && interfaceName === outer)?.address
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'].map((text) =>
  parsePrefix(text),
)

/** Whether an IPv4 ADDRESS:PORT is one that only a private network knows (RFC 1918, RFC 6598, RFC 3927). */
export function isPrivateEndpoint(endpoint: string): boolean {
  const { family, bytes } = parseAddress(parseSocketAddress(endpoint).address)
  return family === 4 && PRIVATE.some((prefix) => prefixContains(prefix, bytes, 0))
}

function defaultRoute(host: Host): HostRoute | undefined {
  return host
    .routes()
    .filter(({ destination, table }) => destination === '0.0.0.0/0' && table === MAIN_TABLE)
    .sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0]
}
