import { ConfigurationError, type Random } from '@millrace/core'
import { generatePrivateKey } from '@millrace/layer-wireguard'
import { newPeer } from '../state/peers.ts'
import { type Egress, type GatewayState, STATE_VERSION } from '../state/state.ts'
import { Subnet, uniqueLocalPrefix } from '../state/subnet.ts'
import type { GatewayFlags } from './flags.ts'

/** A state without what only this machine can tell: the endpoint for the clients. */
export type Plan = Omit<GatewayState, 'endpoint'>

const DEFAULT_PORT = 51_820
const DEFAULT_SUBNET = '10.7.0.0/24'
const DEFAULT_INTERFACE = 'millrace0'
const FIRST_PEER = 'client1'

/** What the flags make of a stored state, or of none: new keys and one client. Reads and writes nothing. */
export function plan(stored: GatewayState | undefined, flags: GatewayFlags, random: Random): Plan {
  const subnet = flags.subnet ?? stored?.subnet ?? DEFAULT_SUBNET
  if (stored !== undefined && subnet !== stored.subnet) {
    throw new ConfigurationError(
      `--subnet: the clients in this state directory have addresses in ${stored.subnet}: name another directory with --state for ${subnet}`,
    )
  }
  const subnet6 = stored?.subnet6 ?? uniqueLocalPrefix(random)
  const chosenHost = flags.public ?? stored?.public
  const outer = flags.outer ?? stored?.outer
  return {
    version: STATE_VERSION,
    privateKey: stored?.privateKey ?? generatePrivateKey(),
    listenPort: flags.listen ?? stored?.listenPort ?? DEFAULT_PORT,
    ...(chosenHost === undefined || chosenHost === 'auto' ? {} : { public: chosenHost }),
    egress: egressOf(flags, stored?.egress, subnet),
    subnet,
    subnet6,
    interface: flags.interface ?? stored?.interface ?? DEFAULT_INTERFACE,
    ...(outer === undefined || outer === 'auto' ? {} : { outer }),
    dns: [...(flags.dns ?? stored?.dns ?? [])],
    peers: stored?.peers ?? [newPeer({ subnet, subnet6, peers: [] }, FIRST_PEER)],
  }
}

function egressOf({ egress, egressIp }: GatewayFlags, stored: Egress | undefined, subnet: string): Egress {
  if (egress === 'kernel' && egressIp !== undefined) {
    throw new ConfigurationError(
      "--egress-ip does not go with --egress kernel, which sends from the host's own address: leave one of them out",
    )
  }
  const mode = egress ?? (egressIp === undefined ? (stored?.mode ?? 'kernel') : 'tun')
  if (mode === 'kernel') return { mode }
  const address = egressIp ?? (stored?.mode === 'tun' ? stored.address : undefined)
  if (address === undefined) {
    throw new ConfigurationError(
      '--egress tun needs --egress-ip: a static IPv4 address that is routed to this host and that no interface holds',
    )
  }
  checkEgressAddress(address, Subnet.parse(subnet, '--subnet'))
  return { mode, address }
}

function checkEgressAddress(address: string, subnet: Subnet): void {
  const first = Number(address.split('.')[0])
  if (first === 0 || first === 127 || first >= 224) {
    throw new ConfigurationError(`--egress-ip: expected a unicast address, got ${address}`)
  }
  if (subnet.contains(address)) {
    throw new ConfigurationError(`--egress-ip: ${address} lies in the tunnel's own subnet ${subnet.text}`)
  }
}
