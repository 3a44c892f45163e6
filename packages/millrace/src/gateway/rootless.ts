import { ConfigurationError, EnvironmentError, type Gateway, type RunningStack } from '@millrace/core'
import { formatHostPort } from '@millrace/layer-wireguard'
import { parsePublicHost } from '../state/public-host.ts'
import type { GatewayState } from '../state/state.ts'
import { canBind, sourceAddress } from './bound-address.ts'
import { checkPort } from './check-port.ts'
import type { Plan } from './plan.ts'
import type { Teardown } from './teardown.ts'
import type { Surroundings, WayOut } from './way-out.ts'

/** Out by ordinary sockets: nothing of the machine is changed, and no privileges are needed. */
export class RootlessWayOut implements WayOut {
  async recover(): Promise<void> {}

  async check(plan: Plan): Promise<Surroundings> {
    const egressIps = await egressAddresses(plan)
    for (const { name, egressIp } of plan.peers) {
      if (egressIp === undefined || egressIps.includes(egressIp)) continue
      throw new ConfigurationError(`peer ${name} is to leave from ${egressIp}: name it with --egress-ip too`)
    }
    const endpoint = await endpointOf(plan)
    await checkPort(plan.listenPort)
    return { endpoint, outer: undefined, egressIps }
  }

  async bringUp(
    _state: GatewayState,
    _found: Surroundings,
    gateway: Gateway,
    teardown: Teardown,
  ): Promise<RunningStack> {
    const running = await gateway.start()
    teardown.add(() => running.stop())
    return running
  }
}

/** Those that are told, each of which must be here; else those with which this host goes out, of each family one. */
async function egressAddresses({ egress }: Plan): Promise<readonly string[]> {
  const told = egress.mode === 'rootless' ? egress.addresses : []
  for (const address of told) {
    if (await canBind(address)) continue
    throw new EnvironmentError(
      `--egress-ip: no interface of this machine has ${address}: add it to one (ip address add), or use --egress tun for an address that is routed here`,
    )
  }
  if (told.length > 0) return told
  const found = [await sourceAddress(4), await sourceAddress(6)].filter((address) => address !== undefined)
  if (found.length > 0) return found
  throw new EnvironmentError(
    'this machine has no default route, so no address to go out from: name one with --egress-ip',
  )
}

async function endpointOf({ public: chosen, listenPort }: Plan): Promise<string> {
  const { host, port } = chosen === undefined ? await ownHost() : parsePublicHost(chosen, '--public')
  return formatHostPort({ host, port: port ?? listenPort })
}

async function ownHost(): Promise<{ readonly host: string; readonly port?: number }> {
  const host = (await sourceAddress(4)) ?? (await sourceAddress(6))
  if (host !== undefined) return { host }
  throw new EnvironmentError(
    'no default route tells under which address clients reach this gateway: name it with --public HOST',
  )
}
