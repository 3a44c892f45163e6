import { ConfigurationError, formatAddress, parseAddress } from '@millrace/core'
import { parseDestinationRule, readNameServer } from '@millrace/layer-netstack'
import { Disabled } from '../disabled.ts'
import { parsePublicHost } from '../state/public-host.ts'
import { type EgressMode, INTERFACE_NAME } from '../state/state.ts'
import { Subnet } from '../state/subnet.ts'

/** What the command line said about a gateway; what it left out comes from the state, or is the default. */
export interface GatewayFlags {
  readonly listen?: number
  /** `auto`, HOST or HOST:PORT */
  readonly public?: string
  readonly egress?: EgressMode | 'auto'
  readonly egressIp?: readonly string[]
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  /** `none`, or an address, or ADDRESS:PORT. */
  readonly resolver?: string
  readonly subnet?: string
  readonly interface?: string
  /** `auto` or an interface's name */
  readonly outer?: string
  readonly dns?: readonly string[]
  /** Not remembered: it is about the machine, not about the gateway. */
  readonly disable?: Disabled
}

/** Each parser takes one option's text and throws a ConfigurationError that names the option. */
export const parseFlag: {
  readonly port: (text: string) => number
  readonly publicHost: (text: string) => string
  readonly egress: (text: string) => EgressMode | 'auto'
  readonly egressIp: (text: string) => readonly string[]
  readonly allow: (text: string) => readonly string[]
  readonly deny: (text: string) => readonly string[]
  readonly resolver: (text: string) => string
  readonly subnet: (text: string) => string
  readonly interface: (text: string) => string
  readonly outer: (text: string) => string
  readonly dns: (text: string) => readonly string[]
  readonly disable: (text: string) => Disabled
  readonly sample: (text: string) => number
  readonly threads: (text: string) => number
} = {
  port(text) {
    const port = wholeNumber(text)
    if (!(port >= 1 && port <= 65_535)) {
      throw new ConfigurationError(`--listen: expected a port from 1 to 65535, got ${JSON.stringify(text)}`)
    }
    return port
  },
  publicHost(text) {
    if (text !== 'auto') parsePublicHost(text, '--public')
    return text
  },
  egress(text) {
    if (text === 'auto' || text === 'rootless' || text === 'tun' || text === 'kernel') return text
    throw new ConfigurationError(`--egress: expected auto, rootless, tun or kernel, got ${JSON.stringify(text)}`)
  },
  egressIp(text) {
    const addresses = text === 'auto' ? [] : text.split(',')
    return addresses.map((address) => {
      const { family, bytes } = parseAddress(address, '--egress-ip')
      return formatAddress(bytes, 0, family)
    })
  },
  allow: (text) => destinations(text, '--allow'),
  deny: (text) => destinations(text, '--deny'),
  resolver(text) {
    if (text !== 'none') readNameServer(text, '--resolver')
    return text
  },
  subnet: (text) => Subnet.parse(text, '--subnet').text,
  interface: (text) => interfaceName(text, '--interface'),
  outer: (text) => interfaceName(text, '--outer'),
  dns(text) {
    const addresses = text === 'none' ? [] : text.split(',')
    for (const address of addresses) parseAddress(address, '--dns')
    return addresses
  },
  disable: (text) => Disabled.parse(text, '--disable'),
  sample(text) {
    const sample = wholeNumber(text)
    if (Number.isNaN(sample)) {
      throw new ConfigurationError(`--log: expected a whole number, got ${JSON.stringify(text)}`)
    }
    return sample
  },
  threads(text) {
    const threads = wholeNumber(text)
    if (!(threads >= 1 && threads <= 64)) {
      throw new ConfigurationError(`--threads: expected a number from 1 to 64, got ${JSON.stringify(text)}`)
    }
    return threads
  },
}

function interfaceName(text: string, what: string): string {
  if (!INTERFACE_NAME.test(text)) {
    throw new ConfigurationError(
      `${what}: expected an interface name of 1 to 15 letters, digits, ".", "_" or "-", got ${JSON.stringify(text)}`,
    )
  }
  return text
}

function destinations(text: string, what: string): readonly string[] {
  const all = text === 'none' ? [] : text.split(',')
  for (const one of all) parseDestinationRule(one, what)
  return all
}

/** Of at most nine decimal digits; NaN for any other text. */
function wholeNumber(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
}
