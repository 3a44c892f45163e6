import type { NatLayer } from '../nat-layer.ts'
import { nat64 } from '../nat64/nat64.ts'
import { nat66 } from '../nat66/nat66.ts'
import type { NatOptions } from '../options.ts'

export type Ipv6Options = Omit<NatOptions, 'address' | 'ipv6'>

/** A NAT with IPv6 inside, and how it is spoken to. */
export interface Ipv6Kind {
  readonly name: string
  /** Two outside addresses. */
  readonly addresses: readonly [string, string]
  /** One more, for one-to-one. */
  readonly third: string
  readonly make: (options?: Ipv6Options) => NatLayer
  /** A remote host as the inside sees it, and as it is outside. */
  readonly remoteInside: (host: number) => string
  readonly remote: (host: number) => string
  /** Of text that means a packet: how an address with a port is written, and ICMP. */
  readonly end: (address: string, port: number) => string
  readonly icmp: string
  /** What no inside address may be, and no remote one. */
  readonly notInside: string
  readonly notRemote: string
}

const addresses64 = ['203.0.113.7', '203.0.113.8'] as const
const addresses66 = ['2001:db8::7', '2001:db8::8'] as const

export const ipv6Kinds: readonly Ipv6Kind[] = [
  {
    name: 'nat64',
    addresses: addresses64,
    make: (options) => nat64({ ...options, address: addresses64, prefix: '2001:db8:64::/96' }),
    remoteInside: (host) => `2001:db8:64::c633:64${host.toString(16).padStart(2, '0')}`,
    remote: (host) => `198.51.100.${host}`,
    end: (address, port) => `${address}:${port}`,
    icmp: 'ICMP',
    third: '203.0.113.9',
    notInside: '2001:db8:64::c633:6407',
    notRemote: '127.0.0.1',
  },
  {
    name: 'nat66',
    addresses: addresses66,
    make: (options) => nat66({ ...options, address: addresses66 }),
    remoteInside: (host) => `2001:db8:9::${host.toString(16)}`,
    remote: (host) => `2001:db8:9::${host.toString(16)}`,
    end: (address, port) => `[${address}]:${port}`,
    icmp: 'ICMPv6',
    third: '2001:db8::9',
    notInside: '2001:db8::8',
    notRemote: 'ff02::1',
  },
]
