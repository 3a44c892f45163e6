import { ConfigurationError } from '@millrace/core'
import { type Range, readWholeNumbers } from '../whole-numbers.ts'

/**
 * Whose datagrams a flow takes (RFC 4787 §5): anybody's; those of addresses that the client has sent to; those of addresses
 * and ports that it has.
 */
export type UdpFiltering = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent'

/** Bounds and times of a {@link Udp}; milliseconds and bytes. */
export interface UdpOptions {
  /** Most flows at once. Default 16,384. */
  readonly flows?: number
  /** Remote ends that a flow remembers having sent to; the one not sent to for longest is forgotten. Default 64. */
  readonly contacts?: number
  /** Default `address-and-port-dependent`. */
  readonly filtering?: UdpFiltering
  /** Since the client last sent something (RFC 4787 REQ-5: two minutes at least, five recommended). Default 300,000. */
  readonly idleTimeout?: number
  /** The same for a flow that has sent to nothing but port 53. Default 30,000. */
  readonly dnsIdleTimeout?: number
  /** Largest packet to send; what is larger goes in fragments. Default 1,420. */
  readonly mtu?: number
}

export type UdpSettings = Required<UdpOptions>

const FILTERINGS: readonly string[] = ['endpoint-independent', 'address-dependent', 'address-and-port-dependent']
export const MTU_RANGE: Range = [1420, 1280, 65_535]
export const CONTACTS_RANGE: Range = [64, 1, 65_536]
const DAY = 86_400_000

/** Checks options and fills in defaults. Throws a ConfigurationError that names the option. */
export function readUdpOptions(options: UdpOptions): UdpSettings {
  const { filtering = 'address-and-port-dependent', ...rest } = options
  if (!FILTERINGS.includes(filtering)) {
    throw new ConfigurationError(`udp filtering: expected one of ${FILTERINGS.join(', ')}, got ${filtering}`)
  }
  const numbers = readWholeNumbers('udp', rest, {
    flows: [16_384, 1, 2 ** 21],
    contacts: CONTACTS_RANGE,
    idleTimeout: [300_000, 1, DAY],
    dnsIdleTimeout: [30_000, 1, DAY],
    mtu: MTU_RANGE,
  })
  return { ...numbers, filtering }
}
