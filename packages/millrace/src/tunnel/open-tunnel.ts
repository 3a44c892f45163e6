import { CLOCK, RANDOM } from '@millrace/core'
import { netstack } from '@millrace/layer-netstack'
import { udp } from '@millrace/layer-udp'
import { allowedIps } from '@millrace/layer-wireguard'
import { containerRuntime, stack } from '../composition.ts'
import { readConfiguration, type TunnelConfiguration } from './configuration.ts'
import type { TunnelOpenOptions } from './connect.ts'
import { Resolver } from './dns/resolver.ts'
import { firstHandshake } from './handshake.ts'
import { Tunnel } from './tunnel.ts'

/** As `connect`. */
export async function openTunnel(configuration: TunnelConfiguration, options: TunnelOpenOptions): Promise<Tunnel> {
  const { timeout = 15_000, signal, runtime = containerRuntime(), pool, tcp, dnsTimeout } = options
  signal?.throwIfAborted()
  const plan = await readConfiguration(configuration)
  const { wireguard, addresses, dns, dnsSearch, mtu, listenPort, mark } = plan
  const routes = wireguard.peers.list().flatMap((peer) => peer.allowedIps)
  const host = netstack({ addresses, mtu, routes, ...(tcp === undefined ? {} : { tcp }) })
  const wire = options.wire ?? udp({ port: listenPort, mark })
  const clock = runtime.get(CLOCK)
  const resolver = new Resolver({
    host,
    servers: dns,
    search: dnsSearch,
    clock,
    random: runtime.get(RANDOM),
    ...(dnsTimeout === undefined ? {} : { timeout: dnsTimeout }),
  })
  const running = await stack(wire, { runtime, ...(pool === undefined ? {} : { pool }) })
    .layer(wireguard)
    .layer(allowedIps())
    .end(host)
    .start(signal === undefined ? {} : { signal })
  try {
    await firstHandshake(plan, { clock, timeout, ...(signal === undefined ? {} : { signal }) })
  } catch (error) {
    await running.stop()
    throw error
  }
  return new Tunnel({ host, running, wireguard, resolver })
}
