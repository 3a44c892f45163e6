import { type Datagram, type Endpoint, type RunningStack, type Runtime, stack } from '@millrace/core'
import { type NetstackEndpoint, netstack } from '@millrace/layer-netstack'
import { udp } from '@millrace/layer-udp'
import { allowedIps, generatePrivateKey, publicKeyOf, wireguard } from '@millrace/layer-wireguard'
import type { TunnelOptions } from '../tunnel/configuration.ts'

export const FAR = '10.8.0.1'
export const FAR6 = 'fd08::1'

export interface TunnelWorldOptions {
  readonly wire?: Endpoint<Datagram>
  readonly runtime?: Runtime
  /** Where the far end is, for the other one. Default: its port on loopback. */
  readonly endpoint?: string
}

/** The far end of a tunnel, with a host in it, and what the near end needs to know. */
export interface TunnelWorld {
  readonly host: NetstackEndpoint
  readonly running: RunningStack
  readonly configuration: TunnelOptions & { readonly privateKey: string }
}

/** Starts a far end; on loopback unless there is another wire. */
export async function startTunnelWorld(options: TunnelWorldOptions = {}): Promise<TunnelWorld> {
  const keys = { near: generatePrivateKey(), far: generatePrivateKey() }
  const host = netstack({ addresses: [FAR, FAR6], tcp: { memory: 2 ** 25, connections: 2048 } })
  const own = udp({ address: '127.0.0.1' })
  const wire = options.wire ?? own
  const peers = [{ name: 'near', publicKey: publicKeyOf(keys.near), allowedIps: ['10.8.0.2/32', 'fd08::2/128'] }]
  const running = await stack(wire, options.runtime === undefined ? {} : { runtime: options.runtime })
    .layer(wireguard({ privateKey: keys.far, peers }))
    .layer(allowedIps())
    .end(host)
    .start()
  const endpoint = options.endpoint ?? `127.0.0.1:${own.port}`
  const configuration = {
    privateKey: keys.near,
    addresses: ['10.8.0.2/24', 'fd08::2/64'],
    peers: [
      {
        name: 'far',
        publicKey: publicKeyOf(keys.far),
        endpoint,
        allowedIps: ['10.8.0.0/24', 'fd08::/64', '203.0.113.0/24'],
      },
    ],
  }
  return { host, running, configuration }
}
