import { IcmpAnswers, type IcmpErrorKind, type IpPacket, type PacketPool } from '@millrace/core'
import type { NatSettings } from './settings.ts'
import { TcpResets } from './tcp-resets.ts'

/**
 * Drops that the sender inside is told of. That resources have run out is "prohibited", too: RFC 5508 REQ-8. What goes
 * to no real destination gets no answer.
 */
const answersInside: ReadonlyMap<string, IcmpErrorKind> = new Map([
  ['ttl-exceeded', 'time-exceeded'],
  ['ipv6-not-translated', 'admin-prohibited'],
  ['protocol-not-translated', 'admin-prohibited'],
  ['sessions-exhausted', 'admin-prohibited'],
  ['peer-sessions-exhausted', 'admin-prohibited'],
  ['peer-rate-exceeded', 'admin-prohibited'],
  ['peer-ports-exhausted', 'admin-prohibited'],
  ['ports-exhausted', 'admin-prohibited'],
  ['blocks-exhausted', 'admin-prohibited'],
  ['no-outside-address', 'admin-prohibited'],
  ['hairpin-refused', 'admin-prohibited'],
])

/** To the outside we are a router to live sessions, and silent for everything else. */
const answersOutside: ReadonlyMap<string, IcmpErrorKind> = new Map([
  ['ttl-exceeded', 'time-exceeded'],
  ['packet-too-big', 'packet-too-big'],
])

/** What a NAT says itself, to either side, about packets that it drops. */
export class Answers {
  readonly inside: IcmpAnswers
  readonly outside: IcmpAnswers
  readonly resets: TcpResets | undefined
  readonly #mtu: number

  /** `push` takes over each reset, to be sent to the inside behind the batch under way. */
  constructor(settings: NatSettings, pool: PacketPool, push: (packet: IpPacket) => void) {
    const first = settings.addresses[0] as number
    const source4 = Uint8Array.of(first >>> 24, first >>> 16, first >>> 8, first)
    this.inside = new IcmpAnswers(pool, 'down', { source4: settings.gatewayAddress })
    this.outside = new IcmpAnswers(pool, 'up', { source4 })
    this.resets = settings.resetTcp ? new TcpResets(pool, push) : undefined
    this.#mtu = settings.mtu
  }

  /** About a packet from the inside. */
  up(packet: IpPacket, reason: string, now: number): void {
    if (reason === 'tcp-no-session') this.resets?.add(packet, now)
    const kind = answersInside.get(reason)
    if (kind !== undefined) this.inside.add(packet, kind, now)
  }

  /** About a packet from the outside. */
  down(packet: IpPacket, reason: string, now: number): void {
    const kind = answersOutside.get(reason)
    if (kind !== undefined) this.outside.add(packet, kind, now, this.#mtu)
  }
}
