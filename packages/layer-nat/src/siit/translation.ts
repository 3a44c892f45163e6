import type { IpPacket } from '@millrace/core'
import type { RecordAddresses } from '../record-addresses.ts'
import type { NatSettings } from '../settings.ts'
import type { Hosts } from './hosts.ts'
import type { ToIpv4 } from './to-ipv4.ts'
import type { ToIpv6 } from './to-ipv6.ts'

/** Not a drop: the packet is none of ours, and goes on as it is. */
export const PASS = 'passes'

/** A NAT for IPv4 behind translators, so that it serves IPv6. */
export interface Translation {
  readonly toIpv4: ToIpv4
  readonly toIpv6: ToIpv6
  /** Of packets from either side: `PASS`, or the reason of a drop, or undefined for those that are ours. */
  judgeUp(packet: IpPacket): string | undefined
  judgeDown(packet: IpPacket): string | undefined
  /** How sessions are read that were elsewhere. */
  readonly records: RecordAddresses
}

/** What makes one NAT differ from another. */
export interface TranslationPlan {
  /** Most IPv6 addresses that anything holds: those of all sessions, of who has a block, and those that the options name. */
  readonly addresses: number
  /** Whether the outside is IPv6 too. */
  readonly isOutside6: boolean
  /** Numbers that no IPv6 address is given. */
  readonly avoid: ReadonlySet<number>
  /** What the NAT for IPv4 is told. `pin` gives an IPv6 address a number for good and returns it as an IPv4 address. */
  readonly settings: (pin: (address: string) => string) => NatSettings
  translation(hosts: Hosts, settings: NatSettings): Translation
}
