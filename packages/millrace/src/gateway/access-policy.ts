import { type Direction, destinationIn, type IpPacket, type RejectLayer, reject } from '@millrace/core'
import type { GatewayState } from '../state/state.ts'
import { address6, Subnet } from '../state/subnet.ts'

/** Where no client may go, whatever the subnet. Private networks stay reachable. */
const NOWHERE: readonly string[] = [
  '0.0.0.0/8', // "this host" (RFC 1122 section 3.2.1.3); some systems take it for loopback
  '127.0.0.0/8', // the gateway's own loopback
  '169.254.0.0/16', // link-local, and with it the metadata service of most clouds
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and limited broadcast
]

/** Refuses IPv6, for which there is no way out yet: told so, a client falls back to IPv4 at once. */
export function noIpv6(state: Pick<GatewayState, 'subnet6'>): RejectLayer {
  return reject(({ version }, direction) => direction === 'up' && version === 6, {
    name: 'no-ipv6',
    reason: 'ipv6',
    address6: address6(state.subnet6, 1),
  })
}

/** Refuses what no client may reach: the list above, and the other clients. */
export function accessPolicy(state: Pick<GatewayState, 'subnet'>): RejectLayer {
  const { text, gateway } = Subnet.parse(state.subnet, 'subnet')
  const nowhere = destinationIn(...NOWHERE)
  const inSubnet = destinationIn(text)
  const toGateway = destinationIn(gateway)
  const refused = (packet: IpPacket, direction: Direction): boolean =>
    direction === 'up' && (nowhere(packet) || (inSubnet(packet) && !toGateway(packet)))
  return reject(refused, { name: 'access-policy', reason: 'not-allowed', address: gateway })
}
