import type { IpPacket } from '@millrace/core'
import { destinationOf, sourceOf } from './addresses.ts'
import { isNonAtomic } from './classify.ts'
import type { Hop } from './hop.ts'
import { matchError, rewriteError } from './icmp-error.ts'
import type { IpIds } from './ip-ids.ts'
import type { Lookups } from './lookups.ts'
import { TCP } from './protocols.ts'
import { rewriteAddressOnly, rewriteEnd, SOURCE, setId } from './rewrite.ts'
import type { SessionTimers } from './session-timers.ts'
import type { SessionView } from './session-view.ts'
import type { NatTable } from './table.ts'
import { acceptsConnection, opensConnection, RST } from './tcp-state.ts'

/** Translates packets from the inside: makes sessions, and rewrites the source. Each method returns why not, or undefined. */
export class UpPath {
  readonly #table: NatTable
  readonly #lookups: Lookups
  readonly #timers: SessionTimers
  readonly #view: SessionView
  readonly #hop: Hop
  readonly #ids: IpIds
  readonly #hasIds: boolean

  constructor(table: NatTable, hop: Hop, ids: IpIds, hasIds: boolean) {
    this.#table = table
    this.#lookups = table.lookups
    this.#timers = table.timers
    this.#view = table.view
    this.#hop = hop
    this.#ids = ids
    this.#hasIds = hasIds
  }

  tcp(packet: IpPacket): string | undefined {
    const { view, transport } = packet
    const sourcePort = view.getUint16(transport)
    const destinationPort = view.getUint16(transport + 2)
    const source = sourceOf(packet)
    const destination = destinationOf(packet)
    const flags = view.getUint8(transport + 13)
    if (!this.#lookups.findUp(TCP, source, sourcePort, destination, destinationPort)) {
      const answers = (flags & RST) !== 0 || acceptsConnection(flags)
      if (answers && !this.#lookups.findAnswerUp(TCP, source, sourcePort, destination)) return 'tcp-no-session'
      if (!answers && !opensConnection(flags)) return 'tcp-no-session'
      if ((flags & RST) === 0) {
        const refusal = this.#open(packet, sourcePort, destinationPort, answers)
        if (refusal !== undefined) return refusal
      }
    }
    const { session } = this.#lookups.match
    if (session >= 0) this.#timers.useTcp(session, view, transport, packet.offset + packet.length, true)
    this.#leave(packet)
    return undefined
  }

  /** UDP by its ports, ICMP echo by its identifier, other protocols by nothing but addresses: 0. */
  flow(packet: IpPacket, port: number, remotePort: number): string | undefined {
    const { protocol } = packet
    if (this.#lookups.findUp(protocol, sourceOf(packet), port, destinationOf(packet), remotePort)) {
      const { session } = this.#lookups.match
      if (session >= 0) this.#timers.use(session, true)
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
    const { view, transport, peer } = packet
    // It goes to the sender of what it is about, and only the owner of a session may complain about it; where there is
    // no session, only the receiver itself.
    if (destinationOf(packet) !== view.getInt32(transport + 20)) return 'icmp-error-misdirected'
    if (match.session < 0 && sourceOf(packet) !== view.getInt32(transport + 24)) return 'icmp-error-of-other-peer'
    if (match.session >= 0 && peer !== undefined && !this.#table.isOwnedBy(match.session, peer)) {
      return 'icmp-error-of-other-peer'
    }
    rewriteError(packet, match, true, this.#pass(packet, match.address))
    return undefined
  }

  /** One-to-one: the address alone. It shares its outside address with nobody, so identifications that it has stay. */
  readdress(packet: IpPacket, address: number): void {
    const { view, offset, transport, isFragment } = packet
    const change = this.#hasIds || isFragment ? this.#hop.pass(packet) : this.#pass(packet, address)
    rewriteAddressOnly(view, offset, transport, offset + packet.length, SOURCE, address, change)
  }

  #open(packet: IpPacket, port: number, remotePort: number, inbound: boolean): string | undefined {
    const { protocol, source4, destination4, peer } = packet
    return this.#table.open(protocol, source4, port, destination4, remotePort, peer ?? source4, inbound)
  }

  #leave(packet: IpPacket): void {
    const { session, address, port } = this.#lookups.match
    const { view, offset, transport, segmentSize, length } = packet
    if (session >= 0) this.#view.count(session, true, packet.segments, length)
    const change = this.#pass(packet, address)
    rewriteEnd(view, offset, transport, offset + length, SOURCE, address, port, segmentSize > 0, change)
  }

  /**
   * One hop less, and for what may be in fragments an identification that is unique behind `address`. Returns the change of
   * the IP header's sum.
   */
  #pass(packet: IpPacket, address: number): number {
    const change = this.#hop.pass(packet)
    if (!isNonAtomic(packet)) return change
    const { view, offset, protocol, segments } = packet
    return change + setId(view, offset, this.#ids.next(address, destinationOf(packet), protocol, segments))
  }
}
