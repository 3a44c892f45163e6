import { readNameServer } from '@millrace/layer-netstack'
import { publicKeyOf } from '@millrace/layer-wireguard'
import type { GatewayState, PeerRecord } from '../state/state.ts'
import { address6, Subnet } from '../state/subnet.ts'

/**
 * A client's configuration in wg-quick's format (wg-quick(8)). All traffic goes into the tunnel, IPv6 too, even where the
 * gateway has no way out for it: refused there is better than past the tunnel unseen.
 */
export function clientConfig(state: GatewayState, peer: PeerRecord): string {
  const dns = state.dns.length > 0 ? state.dns : ownResolver(state)
  return [
    '[Interface]',
    `# ${peer.name}`,
    `PrivateKey = ${peer.privateKey}`,
    `Address = ${peer.address}/32, ${peer.address6}/128`,
    ...(dns.length > 0 ? [`DNS = ${dns.join(', ')}`] : []),
    '',
    '[Peer]',
    '# Millrace gateway',
    `PublicKey = ${publicKeyOf(state.privateKey)}`,
    `PresharedKey = ${peer.presharedKey}`,
    'AllowedIPs = 0.0.0.0/0, ::/0',
    `Endpoint = ${state.endpoint}`,
    'PersistentKeepalive = 25',
    '',
  ].join('\n')
}

/** The gateway's own address of the resolver's family, where it has one. */
function ownResolver({ egress, subnet, subnet6 }: GatewayState): readonly string[] {
  if (egress.mode !== 'rootless' || egress.resolver === undefined) return []
  const isIpv4 = readNameServer(egress.resolver).address.length === 4
  return [isIpv4 ? Subnet.parse(subnet, 'subnet').gateway : address6(subnet6, 1)]
}
