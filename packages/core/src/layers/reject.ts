import type { DuplexLayer, Service } from '../contract/index.ts'
import type { Context } from '../contract/lifecycle.ts'
import { parseAddress } from '../ip/address.ts'
import { type IcmpAnswerStatistics, IcmpAnswers } from '../ip/icmp-answers.ts'
import type { Batch } from '../packet/batch.ts'
import type { Direction, IpPacket } from '../packet/packet.ts'
import { ConfigurationError } from '../runtime/errors.ts'
import type { LiftOptions } from './lift.ts'

export interface RejectOptions extends LiftOptions {
  /** Under which name a refused packet is counted. Default `rejected`. */
  readonly reason?: string
  /** The gateway's own IPv4 address, from which the answers come. Default: the address that the packet was sent to. */
  readonly address?: string
  /** The same for IPv6. */
  readonly address6?: string
  /** Answers a second in each direction, in the long run; a quarter of that at once. Default 1,000. */
  readonly perSecond?: number
  /** To one peer, or to one address where packets have no peer. Default 100, or `perSecond` if that is less. */
  readonly perSecondPerPeer?: number
}

/** Drops packets with an answer; see {@link reject}. */
export interface RejectLayer extends DuplexLayer<IpPacket> {
  /** Answers by the direction they went. */
  statistics(): Readonly<Record<Direction, IcmpAnswerStatistics>>
}

/**
 * Drops the packets that match, in both directions, and tells their senders so: ICMP "communication administratively
 * prohibited" (RFC 1812 §5.2.7.1, RFC 4443 §3.1). A client then gives up at once, where `filter` lets it wait. What
 * matches on the way up is answered down, and the other way round; no more often than the rate allows.
 *
 *     .layer(reject((packet) => packet.destinationPort === 25, { reason: 'smtp-rejected' }))
 */
export function reject(
  match: (packet: IpPacket, direction: Direction) => boolean,
  options: RejectOptions = {},
): RejectLayer {
  const { name = 'reject', reason = 'rejected', address, address6, perSecond, perSecondPerPeer } = options
  for (const [option, value] of Object.entries({ perSecond, perSecondPerPeer })) {
    if (value !== undefined && !(value > 0))
      throw new ConfigurationError(`reject ${option}: expected a number above 0, got ${value}`)
  }
  const source4 = address === undefined ? undefined : addressOf(address, 4, 'reject address')
  const source6 = address6 === undefined ? undefined : addressOf(address6, 6, 'reject address6')
  const up = new RejectService(match, reason)
  const down = new RejectService(match, reason)
  return {
    name,
    up: { layer: (inner) => up.between(inner, down) },
    down: { layer: (inner) => down.between(inner, up) },
    start(context) {
      const answers = { source4, source6, perSecond, perSecondPerPeer }
      up.open(context, new IcmpAnswers(context.pool, 'down', answers))
      down.open(context, new IcmpAnswers(context.pool, 'up', answers))
    },
    statistics: () => ({ up: down.statistics(), down: up.statistics() }),
  }
}

class RejectService implements Service<IpPacket> {
  readonly #judge: (packet: IpPacket) => string | undefined
  #inner: Service<IpPacket> | undefined
  /** The other way: answers enter it where its packets leave this layer. */
  #back: RejectService | undefined
  #context: Context | undefined
  #answers: IcmpAnswers | undefined
  #now = 0

  constructor(match: (packet: IpPacket, direction: Direction) => boolean, reason: string) {
    this.#judge = (packet) => {
      if (!match(packet, packet.direction)) return undefined
      this.#answers?.add(packet, 'admin-prohibited', this.#now)
      return reason
    }
  }

  between(inner: Service<IpPacket>, back: RejectService): this {
    this.#inner = inner
    this.#back = back
    return this
  }

  open(context: Context, answers: IcmpAnswers): void {
    this.#context = context
    this.#answers = answers
  }

  serve(batch: Batch<IpPacket>): void {
    this.#now = this.#context?.clock.now() ?? this.#now
    batch.sift(this.#judge)
    if (batch.length > 0) this.#inner?.serve(batch)
    this.#answers?.flush(this.#back?.inner)
  }

  get inner(): Service<IpPacket> | undefined {
    return this.#inner
  }

  statistics(): IcmpAnswerStatistics {
    return this.#answers?.statistics() ?? { sent: 0, limited: 0, unsent: 0 }
  }
}

function addressOf(text: string, family: 4 | 6, what: string): Uint8Array {
  const address = parseAddress(text, what)
  if (address.family !== family)
    throw new ConfigurationError(`${what}: expected an IPv${family} address, got "${text}"`)
  return address.bytes
}
