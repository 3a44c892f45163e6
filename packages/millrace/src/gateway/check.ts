import { ConfigurationError, EnvironmentError, parsePrefix } from '@millrace/core'
import type { Egress } from '../state/state.ts'
import { Subnet } from '../state/subnet.ts'
import { checkPort } from './check-port.ts'
import type { Host } from './host.ts'
import { masqueradeRules } from './nftables.ts'
import type { Plan } from './plan.ts'

/** Routes wider than this are ways to everywhere (`0.0.0.0/1`), which the subnet may overlap. */
const DEFAULT_LIKE = 8

/** What must be there before anything else is looked at. */
export function checkPrivileges(host: Host): void {
  if (!host.mayConfigure) {
    throw new EnvironmentError(
      'a gateway with its own network interface needs root (CAP_NET_ADMIN): run it with sudo, or use --egress rootless',
    )
  }
  if (!host.hasTun) {
    throw new EnvironmentError('there is no /dev/net/tun: load it with `modprobe tun`, or give it to the container')
  }
}

/** Whether this plan can run on this machine: throws, with one sentence, before anything was changed. */
export async function checkPlan(plan: Plan, host: Host): Promise<void> {
  const subnet = Subnet.parse(plan.subnet, '--subnet')
  checkSubnet(subnet, host)
  if (host.hasInterface(plan.interface)) {
    throw new EnvironmentError(
      `there is an interface named ${plan.interface} already: choose another name with --interface`,
    )
  }
  if (plan.outer !== undefined && !host.hasInterface(plan.outer)) {
    throw new ConfigurationError(`--outer: this machine has no interface named ${plan.outer}`)
  }
  checkEgress(plan.egress, host)
  if (plan.egress.mode === 'kernel') await host.nft(masqueradeRules(plan.interface, plan.subnet), { check: true })
  await checkPort(plan.listenPort)
}

function checkSubnet(subnet: Subnet, host: Host): void {
  const other = 'choose another network with --subnet'
  for (const { address, prefixLength, interfaceName } of host.addresses()) {
    const network = `${address}/${prefixLength}`
    if (!subnet.overlaps(parsePrefix(network))) continue
    throw new ConfigurationError(`subnet ${subnet.text} overlaps ${network} of ${interfaceName}: ${other}`)
  }
  for (const { destination, local } of host.routes()) {
    const prefix = parsePrefix(destination)
    if (local || prefix.length < DEFAULT_LIKE || !subnet.overlaps(prefix)) continue
    throw new ConfigurationError(`subnet ${subnet.text} overlaps the route to ${destination}: ${other}`)
  }
}

function checkEgress(egress: Egress, host: Host): void {
  if (egress.mode !== 'tun') return
  const { address } = egress
  if (host.routes().some(({ gateway }) => gateway === address)) {
    throw new ConfigurationError(`--egress-ip: ${address} is a router that this host sends through, not a free address`)
  }
  const holder = host.addresses().find((held) => held.address === address)?.interfaceName
  if (holder === undefined && host.routeTo(address)?.local !== true) return
  throw new ConfigurationError(
    `--egress-ip: ${address} is held by ${holder ?? 'this host'}, and answers to it would end in the host: take an address that no interface holds, or use --egress kernel to send from the host's own`,
  )
}
