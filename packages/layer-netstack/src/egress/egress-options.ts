import {
  ConfigurationError,
  formatAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '@millrace/core'
import { oneOf } from './checks.ts'

/** How an egress address is picked from several; see {@link EgressOptions.pick}. */
export type EgressPick = 'paired' | 'pinned' | 'per-flow'

export interface EgressOptions {
  /** The addresses from which flows go out, of both families. A family without one is refused. */
  readonly addresses: readonly string[]
  /**
   * Which address of its family a peer gets. `paired` (default): always the same one, from a keyed hash of its name
   * (RFC 4787 REQ-2). `pinned`: the one that `pins` says, and none if it says none. `per-flow`: any, for each flow anew.
   */
  readonly pick?: EgressPick
  /** When the address has no port left: `refuse` (default), or try the `next`. `pinned` always refuses. */
  readonly overflow?: 'refuse' | 'next'
  /**
   * Egress address, or one of each family, by the name or public key of the peer, which leaves from no other, whatever
   * `pick` and `overflow` say. A function is asked for each flow, with the name: for pins that change while it runs; what it
   * names must be among `addresses`, in their canonical form.
   */
  readonly pins?: Readonly<Record<string, string | readonly string[]>> | EgressPins
  /** Of the hash of `paired`. Default: random, so that peers may get another address after a restart. */
  readonly secret?: string
}

/** Whose flow it is: a peer of the tunnel, or its inside address as text where packets have no peer. */
export interface EgressOwner {
  readonly name: string
  /** The public key in base64, where the peer has one. */
  readonly id?: string
}

/** The egress addresses of a peer; undefined if it has none of its own. */
type EgressPins = (name: string) => readonly string[] | undefined

/** One of the addresses. */
export interface EgressAddress {
  /** Its number in `addresses`. */
  readonly index: number
  readonly family: 4 | 6
  readonly bytes: Uint8Array
  /** Text; IPv6 by RFC 5952. */
  readonly address: string
}

/** Options checked and complete. */
export interface EgressSettings {
  readonly addresses: readonly EgressAddress[]
  readonly pick: EgressPick
  readonly overflow: 'refuse' | 'next'
  readonly pinsOf: (owner: EgressOwner) => readonly EgressAddress[] | undefined
}

const MAXIMUM_ADDRESSES = 256

/** Throws a ConfigurationError that names the option. */
export function readEgressOptions(options: EgressOptions): EgressSettings {
  const addresses = options.addresses.map(readAddress)
  if (addresses.length < 1 || addresses.length > MAXIMUM_ADDRESSES) {
    throw new ConfigurationError(
      `sockets addresses: expected 1 to ${MAXIMUM_ADDRESSES} addresses, got ${addresses.length}`,
    )
  }
  for (const { address, index } of addresses) {
    if (addresses.findIndex((other) => other.address === address) === index) continue
    throw new ConfigurationError(`sockets addresses: expected each once, got "${address}" twice`)
  }
  const pick = oneOf('pick', options.pick ?? 'paired', ['paired', 'pinned', 'per-flow'])
  const overflow = oneOf('overflow', options.overflow ?? 'refuse', ['refuse', 'next'])
  return { addresses, pick, overflow, pinsOf: readPins(options.pins ?? {}, addresses) }
}

function readPins(pins: EgressOptions['pins'] & {}, all: readonly EgressAddress[]): EgressSettings['pinsOf'] {
  if (typeof pins === 'function') {
    return ({ name }) => {
      const named = asked(pins, name)
      return named === undefined ? undefined : all.filter(({ address }) => named.includes(address))
    }
  }
  const read = new Map(Object.entries(pins).map(([name, pinned]) => [name, readPin(name, pinned, all)] as const))
  return ({ id, name }) => (id === undefined ? undefined : read.get(id)) ?? read.get(name)
}

/** One that throws names no address: the flow is refused. */
function asked(pins: EgressPins, name: string): readonly string[] | undefined {
  try {
    return pins(name)
  } catch {
    return []
  }
}

function readAddress(text: string, index: number): EgressAddress {
  const prefix = parseAddress(text, 'sockets addresses')
  if (!isHost(prefix)) throw new ConfigurationError(`sockets addresses: expected the address of a host, got "${text}"`)
  return { index, family: prefix.family, bytes: prefix.bytes, address: formatAddress(prefix.bytes, 0, prefix.family) }
}

/** Neither unspecified, for which the system would choose, nor multicast or reserved, nor an IPv4 address in disguise. */
const NO_HOSTS: readonly Prefix[] = ['0.0.0.0/8', '224.0.0.0/3', '::', 'ff00::/8', '::ffff:0:0/96'].map((text) =>
  parsePrefix(text),
)

function isHost({ family, bytes }: Prefix): boolean {
  return !NO_HOSTS.some((none) => none.family === family && prefixContains(none, bytes, 0))
}

function readPin(
  name: string,
  pinned: string | readonly string[],
  all: readonly EgressAddress[],
): readonly EgressAddress[] {
  const found = (typeof pinned === 'string' ? [pinned] : pinned).map((text) => {
    const { family, bytes } = parseAddress(text, 'sockets pins')
    const known = all.find(({ address }) => address === formatAddress(bytes, 0, family))
    if (known !== undefined) return known
    throw new ConfigurationError(`sockets pins: expected an address of the pool for "${name}", got "${text}"`)
  })
  if (new Set(found.map(({ family }) => family)).size === found.length) return found
  throw new ConfigurationError(`sockets pins: expected one address of each family at most for "${name}"`)
}
