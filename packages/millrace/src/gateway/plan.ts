import { ConfigurationError, type Random } from '@millrace/core'
import { generatePrivateKey } from '@millrace/layer-wireguard'
import { newPeer } from '../state/peers.ts'
import { type Egress, type EgressMode, type GatewayState, STATE_VERSION } from '../state/state.ts'
import { Subnet, uniqueLocalPrefix } from '../state/subnet.ts'
import { checkEgressAddress } from './egress-address.ts'
import type { GatewayFlags } from './flags.ts'

/** A state without what only this machine can tell: the endpoint for the clients. */
export type Plan = Omit<GatewayState, 'endpoint'>

const DEFAULT_PORT = 51_820
const DEFAULT_SUBNET = '10.7.0.0/24'
const DEFAULT_INTERFACE = 'millrace0'
const FIRST_PEER = 'client1'

/**
 * What the flags make of a stored state, or of none: new keys and one client. `held` are the egress
 * addresses of flags and state that sockets of this machine can be bound to. Reads and writes nothing.
 */
export function plan(
  stored: GatewayState | undefined,
  flags: GatewayFlags,
  random: Random,
  held: ReadonlySet<string> = new Set(),
): Plan {
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
    egress: egressOf(flags, stored?.egress, Subnet.parse(subnet, '--subnet'), held),
    subnet,
    subnet6,
    interface: flags.interface ?? stored?.interface ?? DEFAULT_INTERFACE,
    ...(outer === undefined || outer === 'auto' ? {} : { outer }),
    dns: [...(flags.dns ?? stored?.dns ?? [])],
    peers: stored?.peers ?? [newPeer({ subnet, subnet6, peers: [] }, FIRST_PEER)],
  }
}

function egressOf(flags: GatewayFlags, stored: Egress | undefined, subnet: Subnet, held: ReadonlySet<string>): Egress {
  const mode = modeOf(flags, stored, held)
  if (mode !== 'rootless' && (flags.allow ?? flags.deny ?? flags.resolver) !== undefined) {
    throw new ConfigurationError(
      `--allow, --deny and --resolver do not go with --egress ${mode}: they are for --egress rootless`,
    )
  }
  if (mode === 'kernel') {
    if (flags.egressIp === undefined) return { mode }
    throw new ConfigurationError(
      "--egress-ip does not go with --egress kernel, which sends from the host's own address: leave one of them out",
    )
  }
  if (mode === 'rootless' && (flags.interface !== undefined || (flags.outer ?? 'auto') !== 'auto')) {
    throw new ConfigurationError('--interface and --outer do not go with --egress rootless, which has no interface')
  }
  const addresses = flags.egressIp ?? addressesOf(stored)
  for (const address of addresses) checkEgressAddress(address, subnet)
  if (mode === 'rootless') {
    const before = stored?.mode === 'rootless' ? stored : undefined
    const resolver = flags.resolver ?? before?.resolver ?? 'none'
    return {
      mode,
      addresses: [...addresses],
      allow: [...(flags.allow ?? before?.allow ?? [])],
      deny: [...(flags.deny ?? before?.deny ?? [])],
      ...(resolver === 'none' ? {} : { resolver }),
    }
  }
  const [address, ...more] = addresses
  if (address === undefined || more.length > 0 || address.includes(':')) {
    throw new ConfigurationError(
      '--egress tun needs --egress-ip: one static IPv4 address that is routed to this host and that no interface holds',
    )
  }
  return { mode, address }
}

/** What nobody holds can only be ours by a TUN; for all else no privileges are needed. */
function modeOf({ egress, egressIp }: GatewayFlags, stored: Egress | undefined, held: ReadonlySet<string>): EgressMode {
  if (egress !== undefined && egress !== 'auto') return egress
  if (egress === undefined && egressIp === undefined) return stored?.mode ?? 'rootless'
  const [address, ...more] = egressIp ?? addressesOf(stored)
  const onlyByTun = address !== undefined && more.length === 0 && !address.includes(':') && !held.has(address)
  return onlyByTun ? 'tun' : 'rootless'
}

/** The egress addresses that a state names. */
export function addressesOf(egress: Egress | undefined): readonly string[] {
  if (egress?.mode === 'rootless') return egress.addresses
  return egress?.mode === 'tun' ? [egress.address] : []
}
