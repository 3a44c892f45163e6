import { publicKeyOf } from '@millrace/layer-wireguard'
import type { GatewayState, PeerRecord } from '../state/state.ts'

/**
 * A client's configuration in wg-quick's format (wg-quick(8)). All traffic goes into the tunnel, IPv6 too, although the
 * gateway has no way out for it: refused there is better than past the tunnel unseen.
 */
export function clientConfig(state: GatewayState, peer: PeerRecord): string {
  return [
    '[Interface]',
    `# ${peer.name}`,
    `PrivateKey = ${peer.privateKey}`,
    `Address = ${peer.address}/32, ${peer.address6}/128`,
    ...(state.dns.length > 0 ? [`DNS = ${state.dns.join(', ')}`] : []),
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
