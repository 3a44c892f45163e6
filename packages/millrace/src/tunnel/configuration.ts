import { readFile } from 'node:fs/promises'
import { ConfigurationError, parseAddress } from '@millrace/core'
import {
  formatHostPort,
  type ParsedConfig,
  type PeerOptions,
  parseConfig,
  type WireguardLayer,
  wireguard,
} from '@millrace/layer-wireguard'

/** A tunnel as a program writes it. */
export interface TunnelOptions {
  /** 32 bytes, or base64. */
  readonly privateKey: string | Uint8Array
  /** At least one. What they may be sent (`allowedIps`) is all that the tunnel reaches. */
  readonly peers: readonly PeerOptions[]
  /** Its own addresses inside: `10.0.0.2/24`. At least one. */
  readonly addresses: readonly string[]
  /** Addresses of name servers, asked through the tunnel. Default none: then names cannot be looked up. */
  readonly dns?: readonly string[]
  /** Domains tried behind a name without a dot. */
  readonly dnsSearch?: readonly string[]
  /** Largest packet inside, bytes. Default 1,420. */
  readonly mtu?: number
  /** UDP port of this end. Default 0: any that is free. */
  readonly listenPort?: number
}

/** A file in wg-quick's format, by its path or its text; the same parsed; or options. */
export type TunnelConfiguration = string | ParsedConfig | TunnelOptions

/** What a tunnel is made of. */
export interface TunnelPlan {
  readonly wireguard: WireguardLayer
  readonly addresses: readonly string[]
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly mtu: number
  readonly listenPort: number
  /** Mark of the packets outside; 0 for none. */
  readonly mark: number
  /** Of peers that have an endpoint, as it was written; by public key. */
  readonly endpoints: ReadonlyMap<string, string>
}

const MTU = 1420

/** Throws a ConfigurationError. */
export async function readConfiguration(configuration: TunnelConfiguration): Promise<TunnelPlan> {
  if (typeof configuration === 'string') return planOf(await parsed(configuration))
  return 'interface' in configuration ? planOf(configuration) : planOfOptions(configuration)
}

/** Text has a section; a path has none, and no line break either. */
async function parsed(textOrPath: string): Promise<ParsedConfig> {
  if (/[[\n]/.test(textOrPath)) return parseConfig(textOrPath)
  let text: string
  try {
    text = await readFile(textOrPath, 'utf8')
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    throw new ConfigurationError(`tunnel: cannot read the configuration ${textOrPath} (${code})`, { cause })
  }
  return parseConfig(text, textOrPath)
}

function planOf(config: ParsedConfig): TunnelPlan {
  const { addresses, dns, dnsSearch, mtu = MTU, listenPort, fwmark } = config.interface
  if (addresses.length === 0) throw new ConfigurationError('tunnel: expected an Address in [Interface], got none')
  if (config.peers.length === 0) throw new ConfigurationError('tunnel: expected a [Peer], got none')
  const layer = wireguard(config)
  const endpoints = new Map<string, string>()
  for (const { publicKey, endpoint } of config.peers) {
    if (endpoint !== undefined) endpoints.set(Buffer.from(publicKey).toString('base64'), formatHostPort(endpoint))
  }
  return {
    wireguard: layer,
    addresses: addresses.map(({ address }) => address),
    dns,
    dnsSearch,
    mtu,
    listenPort,
    mark: fwmark,
    endpoints,
  }
}

function planOfOptions(options: TunnelOptions): TunnelPlan {
  const { privateKey, peers, addresses, dns = [], dnsSearch = [], mtu = MTU, listenPort = 0 } = options
  if (!Array.isArray(peers) || peers.length === 0) throw new ConfigurationError('tunnel peers: expected at least one')
  if (privateKey === undefined) throw new ConfigurationError('tunnel privateKey: expected a key in base64')
  for (const server of dns) parseAddress(server, 'tunnel dns')
  const layer = wireguard({ privateKey, peers, mtu })
  const endpoints = new Map<string, string>()
  for (const { publicKey, endpoint } of peers) if (endpoint !== undefined) endpoints.set(publicKey, endpoint)
  return { wireguard: layer, addresses, dns, dnsSearch, mtu, listenPort, mark: 0, endpoints }
}
