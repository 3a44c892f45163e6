import type { IpPacket } from '@millrace/core'
import { Fragments, type FragmentsOptions } from './fragments.ts'
import { DESTINATION, SOURCE, setAddress, setId, takeHop, updateHeaderChecksum } from './rewrite.ts'
import { type Translator, TURNED } from './translator.ts'

/** Not a drop: a copy is kept until the first fragment of its datagram has come. */
export const HELD = 'fragment-held'

export interface PipelineOptions extends FragmentsOptions {
  readonly decrementTtl: boolean
  /** Whether IPv6 goes on as it is. */
  readonly passesIpv6: boolean
  /** Takes a fragment that was held and now goes on, behind the packet under way; releases it in the end. */
  readonly release: (packet: IpPacket, up: boolean, turned: boolean) => void
}

/** A {@link Translator} for whole packets and fragments. Methods return why a packet goes no further, or undefined. */
export class Pipeline {
  readonly #translator: Translator
  readonly #upFragments: Fragments
  readonly #downFragments: Fragments
  readonly #decrementTtl: boolean
  readonly #passesIpv6: boolean
  readonly #release: (packet: IpPacket, up: boolean, turned: boolean) => void

  constructor(translator: Translator, options: PipelineOptions) {
    this.#translator = translator
    this.#upFragments = new Fragments(options)
    this.#downFragments = new Fragments(options)
    this.#decrementTtl = options.decrementTtl
    this.#passesIpv6 = options.passesIpv6
    this.#release = options.release
  }

  up(packet: IpPacket, now: number): string | undefined {
    if (this.#passesIpv6 && packet.version === 6) return undefined
    const reason = this.#translator.refuseUp(packet)
    if (reason !== undefined) return reason
    if (packet.isFragment && !this.#translator.isReaddressed(packet, true)) return this.#fragment(packet, true, now)
    return this.#translator.up(packet)
  }

  down(packet: IpPacket, now: number): string | undefined {
    if (this.#passesIpv6 && packet.version === 6) return undefined
    const reason = this.#translator.refuseDown(packet)
    if (reason !== undefined) return reason
    if (packet.isFragment && !this.#translator.isReaddressed(packet, false)) return this.#fragment(packet, false, now)
    return this.#translator.down(packet)
  }

  /** Forgets datagrams that stayed incomplete; all of them at `Infinity`. */
  expire(now: number): void {
    this.#upFragments.expire(now)
    this.#downFragments.expire(now)
  }

  /** Fragmented datagrams of which some fragments have come and others have not. */
  get incomplete(): number {
    return this.#upFragments.length + this.#downFragments.length
  }

  #fragment(packet: IpPacket, up: boolean, now: number): string | undefined {
    const fragments = up ? this.#upFragments : this.#downFragments
    const datagram = fragments.arrive(packet, packet.peer ?? packet.source4, now)
    if (typeof datagram === 'string') return datagram
    if ((packet.view.getUint16(packet.offset + 6) & 0x1fff) === 0) return this.#first(packet, datagram, up)
    if (!fragments.isKnown(datagram)) return fragments.hold(datagram, packet) ? HELD : 'fragments-exhausted'
    return this.#later(packet, datagram, up)
  }

  #first(packet: IpPacket, datagram: number, up: boolean): string | undefined {
    const fragments = up ? this.#upFragments : this.#downFragments
    const reason = up ? this.#translator.up(packet) : this.#translator.down(packet)
    if (reason !== undefined && reason !== TURNED) return fragments.refuse(datagram, reason)
    fragments.resolve(datagram, packet, reason === TURNED)
    for (let held = fragments.takeHeld(datagram); held !== undefined; held = fragments.takeHeld(datagram)) {
      if (this.#rewrite(held, datagram, fragments)) this.#release(held, up, reason === TURNED)
      else held.release()
    }
    fragments.finish(datagram)
    return reason
  }

  #later(packet: IpPacket, datagram: number, up: boolean): string | undefined {
    const fragments = up ? this.#upFragments : this.#downFragments
    const turned = fragments.turned[datagram] === 1
    if (!this.#rewrite(packet, datagram, fragments)) return 'ttl-exceeded'
    fragments.finish(datagram)
    return turned ? TURNED : undefined
  }

  /** Gives a fragment what the first one was given; false if it has no hop left. */
  #rewrite(packet: IpPacket, datagram: number, fragments: Fragments): boolean {
    const { view, offset } = packet
    if (this.#decrementTtl && packet.hopLimit <= 1) return false
    let change = this.#decrementTtl ? takeHop(view, offset) : 0
    change += setAddress(view, offset, SOURCE, fragments.source[datagram] as number)
    change += setAddress(view, offset, DESTINATION, fragments.destination[datagram] as number)
    change += setId(view, offset, fragments.id[datagram] as number)
    updateHeaderChecksum(view, offset, change)
    return true
  }
}
