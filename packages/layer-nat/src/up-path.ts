import type { IpPacket } from '@millrace/core'
import { isNonAtomic } from './classify.ts'
import type { Hop } from './hop.ts'
import { matchError, rewriteError } from './icmp-error.ts'
import type { IpIds } from './ip-ids.ts'
import type { Lookups } from './lookups.ts'
import { TCP } from './protocols.ts'
import { rewriteAddressOnly, rewriteEnd, rewriteId } from './rewrite.ts'
import type { NatTable } from './table.ts'
import { acceptsConnection, opensConnection, RST } from './tcp-state.ts'

/** Translates packets from the inside: makes sessions, and rewrites the source. Each method returns why not, or undefined. */
export class UpPath {
  readonly #table: NatTable
  readonly #lookups: Lookups
  readonly #hop: Hop
  readonly #ids: IpIds

  constructor(table: NatTable, hop: Hop, ids: IpIds) {
    this.#table = table
    this.#lookups = table.lookups
    this.#hop = hop
    this.#ids = ids
  }

  tcp(packet: IpPacket): string | undefined {
    const { view, transport, source4, destination4, sourcePort, destinationPort } = packet
    const flags = view.getUint8(transport + 13)
    if (!this.#lookups.findUp(TCP, source4, sourcePort, destination4, destinationPort)) {
      const answers = (flags & RST) !== 0 || acceptsConnection(flags)
      if (answers && !this.#lookups.findAnswerUp(TCP, source4, sourcePort, destination4)) return 'tcp-no-session'
      if (!answers && !opensConnection(flags)) return 'tcp-no-session'
      if ((flags & RST) === 0) {
        const refusal = this.#open(packet, sourcePort, destinationPort, answers)
        if (refusal !== undefined) return refusal
      }
    }
    const { session } = this.#lookups.match
    if (session >= 0) this.#table.useTcp(session, view, transport, packet.offset + packet.length, true)
    this.#leave(packet)
    return undefined
  }

  /** UDP by its ports, ICMP echo by its identifier, other protocols by nothing but addresses: 0. */
  flow(packet: IpPacket, port: number, remotePort: number): string | undefined {
    const { protocol, source4, destination4 } = packet
    if (this.#lookups.findUp(protocol, source4, port, destination4, remotePort)) {
      const { session } = this.#lookups.match
      if (session >= 0) this.#table.use(session, true)
    } else {
      const refusal = this.#open(packet, port, remotePort, false)
      if (refusal !== undefined) return refusal
    }
    this.#leave(packet)
    return undefined
  }

  error(packet: IpPacket): string | undefined {
    const reason = matchError(packet, this.#table, true)
    if (reason !== undefined) return reason
    const { match } = this.#lookups
    const { view, transport, peer, source4, destination4 } = packet
    // It goes to the sender of what it is about, and only the owner of a session may complain about it; where there is
    // no session, only the receiver itself.
    if (destination4 !== view.getUint32(transport + 20)) return 'icmp-error-misdirected'
    if (match.session < 0 && source4 !== view.getUint32(transport + 24)) return 'icmp-error-of-other-peer'
    if (match.session >= 0 && peer !== undefined && this.#table.owner(match.session) !== peer) {
      return 'icmp-error-of-other-peer'
    }
    this.#hop.pass(packet)
    rewriteError(packet, match, true)
    this.#renumber(packet)
    return undefined
  }

  /** One-to-one: the address alone. It shares its outside address with nobody, so its identifications stay. */
  readdress(packet: IpPacket, address: number): void {
    this.#hop.pass(packet)
    const { view, offset, transport } = packet
    rewriteAddressOnly(view, offset, transport, offset + packet.length, 'source', address)
  }

  #open(packet: IpPacket, port: number, remotePort: number, inbound: boolean): string | undefined {
    const { protocol, source4, destination4, peer } = packet
    return this.#table.open(protocol, source4, port, destination4, remotePort, peer ?? source4, inbound)
  }

  #leave(packet: IpPacket): void {
    const { session, address, port } = this.#lookups.match
    this.#hop.pass(packet)
    const { view, offset, transport, segmentSize } = packet
    if (session >= 0) this.#table.view.count(session, true, packet.segments, packet.length)
    rewriteEnd(view, offset, transport, offset + packet.length, 'source', address, port, segmentSize > 0)
    this.#renumber(packet)
  }

  #renumber(packet: IpPacket): void {
    if (!isNonAtomic(packet)) return
    const { view, offset, source4, destination4, protocol, segments } = packet
    rewriteId(view, offset, this.#ids.next(source4, destination4, protocol, segments))
  }
}
