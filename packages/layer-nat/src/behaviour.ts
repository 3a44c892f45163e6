import { ConfigurationError } from '@millrace/core'
import { ICMP, TCP, UDP } from './protocols.ts'

/** Whether something depends on whom an inside endpoint talks to: RFC 4787 §4.1 (mapping) and §5 (filtering). */
export type NatBehaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

/** One behaviour for all protocols, or one for each; those not named keep their default. */
export type NatBehaviours = NatBehaviour | Partial<Readonly<Record<'udp' | 'tcp' | 'icmp', NatBehaviour>>>

/** Behaviours as numbers, the more there are to depend on the higher. */
export const ENDPOINT_INDEPENDENT = 0
export const ADDRESS_DEPENDENT = 1
const ADDRESS_AND_PORT_DEPENDENT = 2

const NUMBERS: Readonly<Record<NatBehaviour, number>> = {
  'endpoint-independent': ENDPOINT_INDEPENDENT,
  'address-dependent': ADDRESS_DEPENDENT,
  'address-and-port-dependent': ADDRESS_AND_PORT_DEPENDENT,
}
const PROTOCOLS: Readonly<Record<string, number>> = { udp: UDP, tcp: TCP, icmp: ICMP }

/** By IANA protocol number. Whatever is not UDP, TCP or ICMP depends on everything. */
export interface BehaviourTable {
  readonly mapping: Uint8Array
  readonly filtering: Uint8Array
}

/**
 * Checks both options and fills in the defaults. Filtering may not be more open than mapping: where one outside port is
 * shared by several inside endpoints, a packet from a stranger is for none of them.
 */
export function readBehaviours(mapping: NatBehaviours = {}, filtering: NatBehaviours = {}): BehaviourTable {
  const table: BehaviourTable = {
    mapping: read('mapping', mapping, { udp: ENDPOINT_INDEPENDENT, icmp: ENDPOINT_INDEPENDENT }),
    filtering: read('filtering', filtering, {}),
  }
  for (const [name, protocol] of Object.entries(PROTOCOLS)) {
    if ((table.filtering[protocol] as number) >= (table.mapping[protocol] as number)) continue
    throw new ConfigurationError(
      `nat filtering: expected ${name} to depend on no less than its mapping, which is ${nameOf(table.mapping[protocol])}`,
    )
  }
  return table
}

function read(option: string, given: NatBehaviours, defaults: Readonly<Record<string, number>>): Uint8Array {
  const table = new Uint8Array(256).fill(ADDRESS_AND_PORT_DEPENDENT)
  for (const [name, protocol] of Object.entries(PROTOCOLS)) {
    const behaviour = typeof given === 'string' ? given : given[name as 'udp' | 'tcp' | 'icmp']
    const number = behaviour === undefined ? (defaults[name] ?? ADDRESS_AND_PORT_DEPENDENT) : NUMBERS[behaviour]
    if (number === undefined) {
      const names = Object.keys(NUMBERS).join(', ')
      throw new ConfigurationError(`nat ${option}: expected one of ${names}, got "${behaviour}"`)
    }
    table[protocol] = number
  }
  return table
}

function nameOf(behaviour: number | undefined): string {
  return Object.keys(NUMBERS)[behaviour as number] as string
}
