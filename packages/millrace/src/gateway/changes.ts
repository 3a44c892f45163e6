import * as v from 'valibot'
import { INTERFACE_NAME } from '../state/state.ts'
import type { Host } from './host.ts'
import { masqueradeRules, REMOVE_RULES } from './nftables.ts'

/** A change to the machine that outlives the process, with all that is needed to undo it. */
export type Change =
  /** Forwarding switched on for packets that come in on an interface. */
  | { readonly kind: 'forwarding'; readonly interface: string }
  | { readonly kind: 'proxy-neighbour'; readonly interface: string; readonly address: string }
  | { readonly kind: 'masquerade'; readonly tunnel: string; readonly subnet: string }

const interfaceName = v.pipe(v.string(), v.regex(INTERFACE_NAME))

/** A change as it is read back from a file. */
export const changeSchema: v.GenericSchema<Change> = v.variant('kind', [
  v.object({ kind: v.literal('forwarding'), interface: interfaceName }),
  v.object({ kind: v.literal('proxy-neighbour'), interface: interfaceName, address: v.pipe(v.string(), v.ipv4()) }),
  v.object({ kind: v.literal('masquerade'), tunnel: interfaceName, subnet: v.string() }),
])

/** Whether the machine already is as the change would make it, so that there is nothing to do nor to undo. */
export function isMade(change: Change, host: Host): boolean {
  if (change.kind === 'forwarding') return host.forwarding(change.interface)
  return change.kind === 'proxy-neighbour' && host.answersFor(change.address, change.interface)
}

export async function make(change: Change, host: Host): Promise<void> {
  if (change.kind === 'forwarding') host.setForwarding(change.interface, true)
  else if (change.kind === 'proxy-neighbour') host.addProxyNeighbour(change.interface, change.address)
  else await host.nft(masqueradeRules(change.tunnel, change.subnet))
}

/** No error when it is undone already: with its interface, with the last boot, or by hand. */
export async function undo(change: Change, host: Host): Promise<void> {
  if (change.kind === 'masquerade') await host.nft(REMOVE_RULES)
  else if (!host.hasInterface(change.interface)) return
  else if (change.kind === 'forwarding') host.setForwarding(change.interface, false)
  else host.deleteProxyNeighbour(change.interface, change.address)
}
