import { ConfigurationError, formatAddress, parseAddress } from '@millrace/core'
import type { NatOptions } from '../options.ts'
import { type NatSettings, readOptions } from '../settings.ts'

/** IPv6 header without the IPv4 one. */
const DIFFERENCE = 20
const MINIMUM_MTU = 1280

/** An address in the form in which it is compared. Throws a ConfigurationError that names `what`. */
function canonical(text: string, family: 4 | 6, what: string): string {
  const { bytes, family: given } = parseAddress(text, what)
  if (given !== family) throw new ConfigurationError(`${what}: expected an IPv${family} address, got "${text}"`)
  return formatAddress(bytes, 0, family)
}

/** The address of a host: neither multicast, nor of one link, nor of no host at all. */
export function hostAddress6(text: string, what: string): string {
  const address = canonical(text, 6, what)
  const [first = 0, second = 0] = parseAddress(address).bytes
  const isLinkLocal = first === 0xfe && (second & 0xc0) === 0x80
  if (first === 0xff || isLinkLocal || address === '::' || address === '::1') {
    throw new ConfigurationError(`${what}: expected the address of a host, got "${text}"`)
  }
  return address
}

/** What a NAT for IPv4 behind a translator must know: its packets are smaller. Throws for an MTU that IPv6 cannot have. */
export function innerMtu(mtu: number, what: string): number {
  if (Number.isInteger(mtu) && mtu >= MINIMUM_MTU && mtu <= 65_535) return mtu - DIFFERENCE
  throw new ConfigurationError(`${what}: expected a whole number from ${MINIMUM_MTU} to 65535, got ${mtu}`)
}

/** Options of `nat()`; what is wrong with them is said in the name of `layer`. */
export function readInner(layer: string, options: NatOptions): NatSettings {
  try {
    return readOptions(options)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new ConfigurationError(error.message.replace(/^nat\b/, layer))
  }
}

/** Keys that are IPv6 addresses in the form in which they are looked up; names stay. */
export function pinsByOwner(pins: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(pins).map(([name, address]) => [keyOf(name), address]))
}

/** Options read with numbers in place of addresses, to be checked before there are any hosts. */
export interface CheckedSettings {
  readonly settings: NatSettings
  /** How many are held besides those of sessions, at most: those that they name, and who has a block of ports. */
  readonly addresses: number
}

export function checkSettings(read: (pin: (address: string) => string) => NatSettings): CheckedSettings {
  const numbers = new Map<string, string>()
  const addresses = new Map<string, string>()
  try {
    const settings = read((address) => {
      const number = numbers.get(address) ?? `64.0.${numbers.size >> 8}.${numbers.size & 255}`
      numbers.set(address, number)
      addresses.set(number, address)
      return number
    })
    return { settings, addresses: numbers.size + countBlocks(settings) }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    throw new ConfigurationError(error.message.replace(/64\.0\.\d+\.\d+/g, (number) => addresses.get(number) ?? number))
  }
}

function countBlocks({ addresses, ports: { first, last }, portBlocks }: NatSettings): number {
  return portBlocks === undefined ? 0 : addresses.length * Math.floor((last - first + 1) / portBlocks.size)
}

function keyOf(name: string): string {
  return name.includes(':') && /^[\da-f:.]+$/i.test(name) ? canonical(name, 6, 'pins') : name
}
