import { ConfigurationError, type Prefix, parseAddress, parsePrefix } from '@millrace/core'
import { readTcpOptions, type TcpOptions } from '../tcp/options.ts'
import { checkWholeNumber } from '../whole-numbers.ts'

export interface NetstackOptions {
  /** The host's own addresses: `10.0.0.2`, `fd00::2`; a prefix length behind one means nothing. At least one. */
  readonly addresses: readonly string[]
  /** Largest IP packet to send and to ask for, bytes, 1,280 to 65,535. Default 1,420. */
  readonly mtu?: number
  /** What it may send to: `10.0.0.0/8`. All else is unreachable at once. Default everything. */
  readonly routes?: readonly string[]
  /** Bounds and times of its TCP. */
  readonly tcp?: Omit<TcpOptions, 'mtu' | 'superPackets'>
  /** Default `netstack`. */
  readonly name?: string
}

/** {@link NetstackOptions} checked and complete. */
export interface NetstackSettings {
  readonly addresses: readonly Uint8Array[]
  readonly mtu: number
  readonly routes: readonly Prefix[]
  readonly tcp: Omit<TcpOptions, 'mtu' | 'superPackets'>
  readonly name: string
}

/** All connections of a host end at once when its stack stops, and each of the other ends, mostly behind one peer, is to know. */
const BOUNDS = { answersPerSecond: 16_384, answersPerSecondPerPeer: 16_384 }

/** Throws a ConfigurationError that names the option. */
export function readNetstackOptions(options: NetstackOptions): NetstackSettings {
  const { addresses, mtu = 1420, routes = ['0.0.0.0/0', '::/0'], tcp = {}, name = 'netstack' } = options
  if (!Array.isArray(addresses) || addresses.length === 0) {
    throw new ConfigurationError('netstack addresses: expected at least one, as "10.0.0.2", got none')
  }
  const own = addresses.map(readAddress)
  checkWholeNumber('netstack mtu', mtu, 1280, 65_535)
  const bounds = { ...BOUNDS, ...tcp }
  readTcpOptions(bounds)
  return {
    addresses: own,
    mtu,
    routes: routes.map((route) => parsePrefix(route, 'netstack routes')),
    tcp: bounds,
    name,
  }
}

/** Bits behind the prefix length stay: they are what tells one host from another. */
function readAddress(text: string): Uint8Array {
  parsePrefix(text, 'netstack addresses')
  return parseAddress(text.split('/', 1)[0] as string, 'netstack addresses').bytes
}
