import { type IpPacket, parseAddress } from '@millrace/core'
import { AddressSet, isMartian } from '../classify.ts'
import { type NatLayer, StatefulNat } from '../nat-layer.ts'
import { ICMP } from '../protocols.ts'
import { type RecordAddresses, readIpv4 } from '../record-addresses.ts'
import type { NatSettings } from '../settings.ts'
import type { AddressCodec } from '../siit/codec.ts'
import type { Hosts } from '../siit/hosts.ts'
import { isMartian6 } from '../siit/martian.ts'
import { checkSettings, hostAddress6, innerMtu, pinsByOwner, readInner } from '../siit/read-options.ts'
import { RunningTranslation } from '../siit/running-translation.ts'
import { ToIpv4 } from '../siit/to-ipv4.ts'
import { ToIpv6 } from '../siit/to-ipv6.ts'
import { PASS, type Translation, type TranslationPlan } from '../siit/translation.ts'
import { Rfc7915 } from './icmp.ts'
import type { Nat64Options } from './options.ts'
import { EmbeddedAddresses, readPrefix, WELL_KNOWN_PREFIX } from './prefix.ts'

/** Stands for the gateway, which has no IPv4 address inside (RFC 7600). */
const GATEWAY = '192.0.0.8'
const GATEWAY_NUMBER = 0xc000_0008
const DEFAULT_MTU = 1420

/**
 * NAT64: peers with IPv6 reach IPv4. What they send to an IPv4 address behind `prefix` leaves as IPv4 under `address`, and
 * the answers find back (RFC 6146, RFC 7915, RFC 6052); all that `nat()` does is done here too. All other packets pass as
 * they are, IPv4 for one.
 *
 *     stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers })).layer(allowedIps())
 *       .layer(nat64({ address: '203.0.113.7' }))
 *       .end(tun({ name: 'egress0' }))
 */
export function nat64(options: Nat64Options): NatLayer {
  const plan = planOf(options)
  const pool = typeof options.address === 'string' ? [options.address] : options.address
  return new StatefulNat({
    name: options.name ?? 'nat64',
    pool,
    start: (...started) => new RunningTranslation(plan, ...started),
  })
}

function planOf(options: Nat64Options): TranslationPlan {
  const { prefix: text = WELL_KNOWN_PREFIX, mtu = DEFAULT_MTU, gatewayAddress } = options
  const { pins = {}, forwards = [], staticAddresses = [] } = options
  const prefix = new EmbeddedAddresses(readPrefix(text, 'nat64 prefix'))
  const mtu4 = innerMtu(mtu, 'nat64 mtu')
  const gateway = gatewayAddress === undefined ? undefined : hostAddress6(gatewayAddress, 'nat64 gatewayAddress')
  const settings = (pin: (address: string) => string): NatSettings =>
    readInner('nat64', {
      ...options,
      mtu: mtu4,
      gatewayAddress: GATEWAY,
      pins: pinsByOwner(pins),
      forwards: forwards.map((each) => ({ ...each, to: pin(hostAddress6(each.to, 'nat64 forwards.to')) })),
      staticAddresses: staticAddresses.map(({ inside, outside }) => ({
        inside: pin(hostAddress6(inside, 'nat64 staticAddresses.inside')),
        outside,
      })),
    })
  // Wrong options are to be found here, not at start.
  const checked = checkSettings(settings)
  const { addresses, staticAddresses: statics, sessions } = checked.settings
  const outside = [...addresses, ...statics.map((each) => each.outside)]
  return {
    addresses: sessions + checked.addresses,
    isOutside6: false,
    avoid: new Set([...outside, GATEWAY_NUMBER]),
    settings,
    translation: (hosts) => new Nat64Translation(hosts, prefix, outside, gateway, mtu),
  }
}

class Nat64Translation implements Translation {
  readonly toIpv4: ToIpv4
  readonly toIpv6: ToIpv6
  readonly records: RecordAddresses
  readonly #prefix: EmbeddedAddresses
  readonly #outside: AddressSet

  constructor(
    hosts: Hosts,
    prefix: EmbeddedAddresses,
    outside: readonly number[],
    gateway: string | undefined,
    mtu: number,
  ) {
    const icmp = new Rfc7915(mtu)
    const bytes = new Uint8Array(16)
    if (gateway === undefined) prefix.embed(outside[0] as number, new DataView(bytes.buffer), 0)
    else bytes.set(parseAddress(gateway).bytes)
    this.#prefix = prefix
    this.#outside = new AddressSet(outside)
    this.toIpv4 = new ToIpv4({
      icmp,
      codecs: { source: hosts, destination: prefix, quotedSource: prefix, quotedDestination: hosts.known },
    })
    this.toIpv6 = new ToIpv6({
      icmp,
      mtu,
      codecs: {
        source: withGateway(prefix, new DataView(bytes.buffer)),
        destination: hosts,
        quotedSource: hosts,
        quotedDestination: prefix,
      },
    })
    const view = new DataView(new ArrayBuffer(16))
    this.records = {
      inside: (text) => hosts.readText(text),
      outside: readIpv4,
      isMartianInside: (address) => !hosts.write(address, view, 0) || isMartian6(view, 0) || prefix.contains(view, 0),
      isMartianRemote: (address) => isMartian(address) || !prefix.write(address, view, 0),
    }
  }

  judgeUp(packet: IpPacket): string | undefined {
    const { version, view, offset } = packet
    if (version !== 6) return PASS
    // RFC 6146 §3.4: it is none of the inside, and would go round in circles.
    if (this.#prefix.contains(view, offset + 8)) return 'source-in-prefix'
    if (!this.#prefix.contains(view, offset + 24)) return PASS
    return isMartian6(view, offset + 8) ? 'martian-source' : undefined
  }

  judgeDown(packet: IpPacket): string | undefined {
    const { version, view, offset } = packet
    if (version === 6) return this.#prefix.contains(view, offset + 8) ? 'source-in-prefix' : PASS
    if (!this.#outside.has(packet.destination4)) return PASS
    return packet.isFragment && packet.protocol === ICMP ? 'fragment-of-icmp' : undefined
  }
}

function withGateway(prefix: EmbeddedAddresses, gateway: DataView): AddressCodec {
  return {
    read: (view, at) => prefix.read(view, at),
    write: (address, view, at) => {
      if (address !== GATEWAY_NUMBER) return prefix.write(address, view, at)
      for (let i = 0; i < 16; i += 4) view.setUint32(at + i, gateway.getUint32(i))
      return true
    },
  }
}
