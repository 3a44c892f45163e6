import { formatPrefix } from '@millrace/core'
import type { ParsedConfig } from './config/config.ts'
import { formatHostPort } from './config/format-host-port.ts'
import { encodeKey } from './keys.ts'
import type { PeerOptions } from './options.ts'

/** What a configuration in wg-quick's format says to `wireguard`. Port, mark and addresses are for `udp` and `tun`. */
export function optionsFromConfig(config: ParsedConfig): {
  readonly privateKey: Uint8Array
  readonly peers: readonly PeerOptions[]
  readonly mtu?: number
} {
  const peers = config.peers.map(({ publicKey, presharedKey, endpoint, allowedIps, persistentKeepalive, name }) => ({
    publicKey: encodeKey(publicKey),
    allowedIps: allowedIps.map(formatPrefix),
    persistentKeepalive,
    ...(presharedKey === undefined ? {} : { presharedKey: encodeKey(presharedKey) }),
    ...(endpoint === undefined ? {} : { endpoint: formatHostPort(endpoint) }),
    ...(name === undefined ? {} : { name }),
  }))
  const { privateKey, mtu } = config.interface
  return { privateKey, peers, ...(mtu === undefined ? {} : { mtu }) }
}
