import { ConfigurationError, type IpPacket } from '@millrace/core'
import { AddressSet } from '../classify.ts'
import { type NatLayer, StatefulNat } from '../nat-layer.ts'
import type { RecordAddresses } from '../record-addresses.ts'
import type { NatSettings } from '../settings.ts'
import type { Hosts } from '../siit/hosts.ts'
import { isMartian6 } from '../siit/martian.ts'
import { checkSettings, hostAddress6, innerMtu, pinsByOwner, readInner } from '../siit/read-options.ts'
import { RunningTranslation } from '../siit/running-translation.ts'
import { ToIpv4 } from '../siit/to-ipv4.ts'
import { ToIpv6 } from '../siit/to-ipv6.ts'
import { PASS, type Translation, type TranslationPlan } from '../siit/translation.ts'
import { ThereAndBack } from './icmp.ts'
import type { Nat66Options } from './options.ts'

const DEFAULT_MTU = 1420

/**
 * NAT66: all peers share one IPv6 address, or a pool, as they share IPv4 ones with `nat()`; all that it does is done here
 * too. IPv4 passes as it is. Where there is a prefix to be had instead of addresses, `nptv6()` is the better choice.
 *
 *     .layer(nat66({ address: '2001:db8::7' }))
 */
export function nat66(options: Nat66Options): NatLayer {
  const pool = (typeof options.address === 'string' ? [options.address] : options.address).map((address) =>
    hostAddress6(address, 'nat66 address'),
  )
  if (pool.length === 0) throw new ConfigurationError('nat66 address: expected at least one')
  const plan = planOf(options, pool)
  return new StatefulNat({
    name: options.name ?? 'nat66',
    pool,
    start: (...started) => new RunningTranslation(plan, ...started),
  })
}

function planOf(options: Nat66Options, pool: readonly string[]): TranslationPlan {
  const { mtu = DEFAULT_MTU, gatewayAddress = pool[0] as string } = options
  const { pins = {}, forwards = [], staticAddresses = [] } = options
  const mtu4 = innerMtu(mtu, 'nat66 mtu')
  const gateway = hostAddress6(gatewayAddress, 'nat66 gatewayAddress')
  const settings = (pin: (address: string) => string): NatSettings => {
    const numberOf = (text: string, what: string): string => pin(hostAddress6(text, `nat66 ${what}`))
    return readInner('nat66', {
      ...options,
      mtu: mtu4,
      address: pool.map((address) => pin(address)),
      gatewayAddress: pin(gateway),
      pins: Object.fromEntries(
        Object.entries(pinsByOwner(pins)).map(([name, address]) => [name, numberOf(address, 'pins')]),
      ),
      forwards: forwards.map(({ to, address, ...rest }) => ({
        ...rest,
        to: numberOf(to, 'forwards.to'),
        ...(address !== undefined && { address: numberOf(address, 'forwards.address') }),
      })),
      staticAddresses: staticAddresses.map(({ inside, outside }) => ({
        inside: numberOf(inside, 'staticAddresses.inside'),
        outside: numberOf(outside, 'staticAddresses.outside'),
      })),
    })
  }
  // Wrong options are to be found here, not at start.
  const checked = checkSettings(settings)
  return {
    addresses: checked.settings.sessions * 2 + checked.addresses,
    isOutside6: true,
    avoid: new Set(),
    settings,
    translation: (hosts, settings) => new Nat66Translation(hosts, settings),
  }
}

class Nat66Translation implements Translation {
  readonly toIpv4: ToIpv4
  readonly toIpv6: ToIpv6
  readonly records: RecordAddresses
  readonly #hosts: Hosts
  readonly #outside: AddressSet

  constructor(hosts: Hosts, { addresses, staticAddresses }: NatSettings) {
    const icmp = new ThereAndBack()
    const { known } = hosts
    const codecs = { source: hosts, destination: hosts, quotedSource: known, quotedDestination: known }
    this.#hosts = hosts
    this.#outside = new AddressSet([...addresses, ...staticAddresses.map(({ outside }) => outside)])
    this.toIpv4 = new ToIpv4({ codecs, icmp, andBack: true })
    // No router fragments IPv6: what is too big has been answered.
    this.toIpv6 = new ToIpv6({ codecs, icmp, mtu: Number.POSITIVE_INFINITY, andBack: true })
    const read = (text: string): number => hosts.readText(text)
    const view = new DataView(new ArrayBuffer(16))
    const isMartian = (address: number): boolean => !hosts.write(address, view, 0) || isMartian6(view, 0)
    this.records = { inside: read, outside: read, isMartianInside: isMartian, isMartianRemote: isMartian }
  }

  judgeUp({ version, view, offset }: IpPacket): string | undefined {
    if (version !== 6) return PASS
    if (isMartian6(view, offset + 8)) return 'martian-source'
    return isMartian6(view, offset + 24) ? 'martian-destination' : undefined
  }

  judgeDown({ version, view, offset }: IpPacket): string | undefined {
    if (version !== 6) return PASS
    if (isMartian6(view, offset + 8)) return 'martian-source'
    return this.#outside.has(this.#hosts.find(view, offset + 24)) ? undefined : 'not-nat-address'
  }
}
