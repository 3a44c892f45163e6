import { type Gateway, type IpPacket, layers, log, type Runtime } from '@millrace/core'
import { nat } from '@millrace/layer-nat'
import { sockets } from '@millrace/layer-netstack'
import { tun } from '@millrace/layer-tun'
import { udp } from '@millrace/layer-udp'
import { allowedIps, wireguard } from '@millrace/layer-wireguard'
import { stack } from '../composition.ts'
import type { Disabled } from '../disabled.ts'
import type { PeerRecord } from '../state/state.ts'
import { address6, Subnet } from '../state/subnet.ts'
import { accessPolicy, noIpv6 } from './access-policy.ts'
import type { Plan } from './plan.ts'
import { type PeerControl, peerOptions } from './reconcile.ts'

/** What of a running gateway follows the clients in the state. */
export interface Clients {
  readonly control: PeerControl
  /** Tells which egress address belongs to whom. */
  pin(peers: readonly PeerRecord[]): void
}

export interface ComposedGateway {
  readonly gateway: Gateway
  readonly clients: Clients
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

/** The path of every packet, from the wire up. `egressIps`: of this host, for rootless egress. */
export function composeGateway(
  plan: Plan,
  egressIps: readonly string[],
  { sample, threads, disabled }: Tuning,
  runtime: Runtime,
): ComposedGateway {
  const { listenPort, privateKey, egress, interface: name } = plan
  const subnet = Subnet.parse(plan.subnet, 'subnet')
  const device = wireguard({ privateKey, peers: plan.peers.map(peerOptions), threads })
  let pins = pinsOf(plan.peers)
  const clients = {
    control: device.peers,
    pin(peers: readonly PeerRecord[]): void {
      pins = pinsOf(peers)
    },
  }
  const tunnel = stack(udp({ port: listenPort, ...disabled.udp }), { runtime })
    .layer(device)
    .layer(allowedIps())
    .layer(sample > 0 ? layers<IpPacket>().layer(log({ sample, perSecond: 20 })) : layers<IpPacket>())
  if (egress.mode === 'rootless') {
    const { allow, deny, resolver } = egress
    const host = sockets({
      egress: { addresses: egressIps, pins: (name) => pins.get(name) },
      allow,
      deny,
      ...(resolver === undefined ? {} : { nameServer: resolver }),
      gatewayAddress: [subnet.gateway, address6(plan.subnet6, 1)],
      reservedPorts: [listenPort],
      mtu: MTU,
      tcp: disabled.tcp,
      udp: disabled.udp,
    })
    return { gateway: tunnel.end(host), clients }
  }
  const guarded = tunnel.layer(noIpv6(plan)).layer(accessPolicy(plan))
  const host = { name, mtu: MTU, ...disabled.tun }
  const gateway =
    egress.mode === 'tun'
      ? guarded
          // Clients do not reach each other, by the outside address neither.
          .layer(nat({ address: egress.address, hairpin: false }))
          .end(tun({ ...host, addresses: [`${subnet.gateway}/32`], routes: [`${egress.address}/32`] }))
      : guarded.end(tun({ ...host, addresses: [`${subnet.gateway}/${subnet.prefix.length}`] }))
  return { gateway, clients }
}

function pinsOf(peers: readonly PeerRecord[]): ReadonlyMap<string, readonly string[]> {
  return new Map(peers.flatMap(({ name, egressIp }) => (egressIp === undefined ? [] : [[name, [egressIp]] as const])))
}
