import { type Gateway, type IpPacket, layers, log, type Runtime } from '@millrace/core'
import { nat } from '@millrace/layer-nat'
import { tun } from '@millrace/layer-tun'
import { udp } from '@millrace/layer-udp'
import { allowedIps, type WireguardLayer, wireguard } from '@millrace/layer-wireguard'
import { stack } from '../composition.ts'
import type { Disabled } from '../disabled.ts'
import { Subnet } from '../state/subnet.ts'
import { accessPolicy, noIpv6 } from './access-policy.ts'
import type { Plan } from './plan.ts'
import { peerOptions } from './reconcile.ts'

export interface ComposedGateway {
  readonly gateway: Gateway
  readonly peers: WireguardLayer['peers']
}

/** Inside the tunnel, bytes: 1,500 less the outer IPv6, UDP and WireGuard headers. */
const MTU = 1420

export interface Tuning {
  /** Logs one packet in so many; 0 none. */
  readonly sample: number
  /** Threads that encrypt and decrypt. */
  readonly threads: number
  readonly disabled: Disabled
}

/** The path of every packet, from the wire up. */
export function composeGateway(plan: Plan, { sample, threads, disabled }: Tuning, runtime: Runtime): ComposedGateway {
  const { listenPort, privateKey, egress, interface: name } = plan
  const subnet = Subnet.parse(plan.subnet, 'subnet')
  const device = wireguard({ privateKey, peers: plan.peers.map(peerOptions), threads })
  const tunnel = stack(udp({ port: listenPort, ...disabled.udp }), { runtime })
    .layer(device)
    .layer(allowedIps())
    .layer(sample > 0 ? layers<IpPacket>().layer(log({ sample, perSecond: 20 })) : layers<IpPacket>())
    .layer(noIpv6(plan))
    .layer(accessPolicy(plan))
  const host = { name, mtu: MTU, ...disabled.tun }
  const gateway =
    egress.mode === 'tun'
      ? tunnel
          // Clients do not reach each other, by the outside address neither.
          .layer(nat({ address: egress.address, hairpin: false }))
          .end(tun({ ...host, addresses: [`${subnet.gateway}/32`], routes: [`${egress.address}/32`] }))
      : tunnel.end(tun({ ...host, addresses: [`${subnet.gateway}/${subnet.prefix.length}`] }))
  return { gateway, peers: device.peers }
}
