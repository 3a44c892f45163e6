import type { IpPacket } from '@millrace/core'
import { destinationOf, sourceOf } from './addresses.ts'
import { AddressSet, isMartian, unfit } from './classify.ts'
import { DownPath } from './down-path.ts'
import { Hop, type HopOptions } from './hop.ts'
import { isTranslatedError } from './icmp-error.ts'
import type { IpIds } from './ip-ids.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { StaticMappings } from './statics.ts'
import type { NatTable } from './table.ts'
import { UpPath } from './up-path.ts'

const ECHO_REPLY = 0
const ECHO_REQUEST = 8

/** Not a drop: translated for the inside, where it came from (RFC 4787 REQ-9). */
export const TURNED = 'turned-around'

export interface TranslatorOptions extends HopOptions {
  /** Outside addresses, as unsigned numbers. */
  readonly addresses: readonly number[]
  readonly hairpin: boolean
  readonly otherProtocols: boolean
  /** Whether packets of the inside come with identifications. */
  readonly hasIds: boolean
}

/**
 * Translates packets in place, by a {@link NatTable}. Each method returns why the packet goes no further, or undefined.
 * The time is the table's: call `table.expire(now)` first. Fragments other than the first are not for here.
 *
 * A NAT is a router, so it takes one hop off the TTL, both ways; it checks before it translates, so that an error about
 * the packet quotes what its sender has sent (RFC 3022 §4.3).
 */
export class Translator {
  readonly #statics: StaticMappings
  readonly #outside: AddressSet
  readonly #hairpin: boolean
  readonly #otherProtocols: boolean
  readonly #hop: Hop
  readonly #upPath: UpPath
  readonly #downPath: DownPath

  constructor(table: NatTable, ids: IpIds, options: TranslatorOptions) {
    this.#statics = table.statics
    this.#outside = new AddressSet(options.addresses)
    this.#hairpin = options.hairpin
    this.#otherProtocols = options.otherProtocols
    this.#hop = new Hop(options)
    this.#upPath = new UpPath(table, this.#hop, ids, options.hasIds)
    this.#downPath = new DownPath(table, this.#hop)
  }

  /** Why a packet from the inside is not even looked at; to be asked before `up`. */
  refuseUp(packet: IpPacket): string | undefined {
    // Nothing of a family that has no address here may leave under another: that is the leak of RFC 7359.
    if (packet.version === 6) return 'ipv6-not-translated'
    const source = sourceOf(packet)
    // An address that stands for itself is at home on both sides.
    if (this.#outside.has(source) && this.#statics.addressByInside(source) === undefined) return 'source-is-nat-address'
    if (isMartian(source)) return 'martian-source'
    if (isMartian(destinationOf(packet))) return 'martian-destination'
    if (!this.#hairpin && this.#outside.has(destinationOf(packet))) return 'hairpin-refused'
    return this.#hop.isSpent(packet) ? 'ttl-exceeded' : undefined
  }

  /** The same from the outside; to be asked before `down`. */
  refuseDown(packet: IpPacket): string | undefined {
    if (packet.version === 6) return 'ipv6-not-translated'
    return this.#outside.has(destinationOf(packet)) ? undefined : 'not-nat-address'
  }

  /** Whether the packet's own end has an address of its own, so that its fragments need no ports. */
  isReaddressed(packet: IpPacket, up: boolean): boolean {
    const own = up
      ? this.#statics.addressByInside(sourceOf(packet))
      : this.#statics.addressByOutside(destinationOf(packet))
    return own !== undefined && !this.turns(packet, up)
  }

  /** Whether a packet from the inside goes to an outside address of ours. */
  turns(packet: IpPacket, up: boolean): boolean {
    return up && this.#outside.has(destinationOf(packet))
  }

  /** From the inside to the outside, or back to the inside: `TURNED`. */
  up(packet: IpPacket): string | undefined {
    const turns = this.turns(packet, true)
    const reason = this.#up(packet)
    if (reason !== undefined || !turns) return reason
    return this.down(packet, true) ?? TURNED
  }

  /** From the outside to the inside. `turned` if it came from the inside. */
  down(packet: IpPacket, turned = false): string | undefined {
    const { protocol, transport, view } = packet
    const path = this.#downPath
    const type = icmpType(packet)
    if (isTranslatedError(type)) return packet.isFragment ? 'fragment-of-error' : path.error(packet, turned)
    const own = this.#statics.addressByOutside(destinationOf(packet))
    if (own !== undefined) return unfit(packet) ?? path.readdress(packet, own.inside, turned)
    const reason = unfit(packet)
    if (reason !== undefined) return reason
    if (protocol === TCP || protocol === UDP) {
      return path.flow(packet, view.getUint16(transport + 2), view.getUint16(transport), turned)
    }
    if (type === ECHO_REPLY) return path.flow(packet, view.getUint16(transport + 4), 0, turned)
    if (protocol === ICMP) return type === ECHO_REQUEST ? 'no-mapping' : 'icmp-type-not-translated'
    return this.#otherProtocols ? path.flow(packet, 0, 0, turned) : 'protocol-not-translated'
  }

  #up(packet: IpPacket): string | undefined {
    const { protocol, transport, view } = packet
    const path = this.#upPath
    const type = icmpType(packet)
    if (isTranslatedError(type)) return packet.isFragment ? 'fragment-of-error' : path.error(packet)
    const reason = unfit(packet)
    if (reason !== undefined) return reason
    const own = this.#statics.addressByInside(sourceOf(packet))
    if (own !== undefined) {
      path.readdress(packet, own.outside)
      return undefined
    }
    if (protocol === TCP) return path.tcp(packet)
    if (protocol === UDP) return path.flow(packet, view.getUint16(transport), view.getUint16(transport + 2))
    if (type === ECHO_REQUEST) return path.flow(packet, view.getUint16(transport + 4), 0)
    if (protocol === ICMP) return 'icmp-type-not-translated'
    return this.#otherProtocols ? path.flow(packet, 0, 0) : 'protocol-not-translated'
  }
}

/** -1 where there is none. */
function icmpType({ protocol, transport, memory }: IpPacket): number {
  return protocol === ICMP && transport !== 0 ? (memory[transport] as number) : -1
}
