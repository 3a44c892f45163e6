import { ConfigurationError } from '@millrace/core'
import { generatePresharedKey, generatePrivateKey, publicKeyOf } from '@millrace/layer-wireguard'
import { type GatewayState, PEER_NAME, type PeerRecord } from './state.ts'
import { address6, Subnet } from './subnet.ts'

type Network = Pick<GatewayState, 'subnet' | 'subnet6' | 'peers'>

/** A new client of that name, with new keys and the lowest free address. */
export function newPeer({ subnet, subnet6, peers }: Network, name: string, egressIp?: string): PeerRecord {
  checkPeerName(name)
  if (peers.some((peer) => peer.name === name)) throw new ConfigurationError(`there is a peer named ${name} already`)
  const network = Subnet.parse(subnet, 'subnet')
  const taken = new Set(peers.map(({ address }) => address))
  for (let host = 2; host <= network.lastHost; host++) {
    const address = network.address(host)
    if (taken.has(address)) continue
    const privateKey = generatePrivateKey()
    return {
      name,
      privateKey,
      publicKey: publicKeyOf(privateKey),
      presharedKey: generatePresharedKey(),
      address,
      address6: address6(subnet6, host),
      ...(egressIp === undefined ? {} : { egressIp }),
    }
  }
  throw new ConfigurationError(`the subnet ${subnet} is full: remove a client first`)
}

/** Throws a ConfigurationError unless clients of the gateway can leave from the address. */
export function checkPin({ egress }: Pick<GatewayState, 'egress'>, egressIp: string): void {
  const addresses = egress.mode === 'rootless' ? egress.addresses : []
  if (addresses.includes(egressIp)) return
  throw new ConfigurationError(
    `--egress-ip: expected one of those the gateway was started with (${addresses.join(', ') || 'none'}), got ${egressIp}`,
  )
}

export function findPeer({ peers }: Network, name: string): PeerRecord {
  const peer = peers.find((peer) => peer.name === name)
  if (peer === undefined) throw new ConfigurationError(`there is no peer named ${JSON.stringify(name)}: see peer list`)
  return peer
}

export function checkPeerName(name: string): void {
  if (!PEER_NAME.test(name)) {
    throw new ConfigurationError(
      `peer name: expected 1 to 32 letters, digits, ".", "_" or "-", got ${JSON.stringify(name)}`,
    )
  }
}
