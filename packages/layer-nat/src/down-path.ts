import type { IpPacket } from '@millrace/core'
import { destinationOf, sourceOf } from './addresses.ts'
import type { Hop } from './hop.ts'
import { matchError, rewriteError } from './icmp-error.ts'
import type { Lookups } from './lookups.ts'
import { BY_MAPPING } from './match.ts'
import { TCP } from './protocols.ts'
import { DESTINATION, rewriteAddressOnly, rewriteEnd } from './rewrite.ts'
import type { SessionTimers } from './session-timers.ts'
import type { SessionView } from './session-view.ts'
import type { NatTable } from './table.ts'
import { opensConnection } from './tcp-state.ts'

/**
 * Translates packets from the outside: finds whom they are for, and rewrites the destination. Makes no sessions. Each
 * method returns why not, or undefined. `turned` is a packet that came from the inside and has had its hop.
 */
export class DownPath {
  readonly #table: NatTable
  readonly #lookups: Lookups
  readonly #timers: SessionTimers
  readonly #view: SessionView
  readonly #hop: Hop

  constructor(table: NatTable, hop: Hop) {
    this.#table = table
    this.#lookups = table.lookups
    this.#timers = table.timers
    this.#view = table.view
    this.#hop = hop
  }

  /** TCP and UDP by their ports, ICMP echo by its identifier, other protocols by nothing but addresses: 0. */
  flow(packet: IpPacket, port: number, remotePort: number, turned: boolean): string | undefined {
    const { view, offset, transport, protocol } = packet
    if (!this.#lookups.findDown(protocol, destinationOf(packet), port, sourceOf(packet), remotePort))
      return 'no-mapping'
    const { session, address, port: insidePort } = this.#lookups.match
    // By filtering alone, nothing of a connection passes but its beginning: the answer to that makes the session.
    if (session === BY_MAPPING && protocol === TCP && !opensConnection(view.getUint8(transport + 13)))
      return 'no-mapping'
    const refusal = this.#refuse(packet, turned)
    if (refusal !== undefined) return refusal
    const { length, segmentSize } = packet
    const end = offset + length
    if (session >= 0 && protocol === TCP) this.#timers.useTcp(session, view, transport, end, false)
    else if (session >= 0) this.#timers.use(session, false)
    if (session >= 0) this.#view.count(session, false, packet.segments, length)
    const change = this.#pass(packet, turned)
    rewriteEnd(view, offset, transport, end, DESTINATION, address, insidePort, segmentSize > 0, change)
    return undefined
  }

  error(packet: IpPacket, turned: boolean): string | undefined {
    const reason = matchError(packet, this.#table, false) ?? this.#refuse(packet, turned)
    if (reason !== undefined) return reason
    rewriteError(packet, this.#lookups.match, false, this.#pass(packet, turned))
    return undefined
  }

  /** One-to-one: the address alone. */
  readdress(packet: IpPacket, address: number, turned: boolean): string | undefined {
    const refusal = this.#refuse(packet, turned)
    if (refusal !== undefined) return refusal
    const { view, offset, transport, length } = packet
    const change = this.#pass(packet, turned)
    rewriteAddressOnly(view, offset, transport, offset + length, DESTINATION, address, change)
    return undefined
  }

  #refuse(packet: IpPacket, turned: boolean): string | undefined {
    return turned ? undefined : this.#hop.refuseDown(packet)
  }

  /** Returns by how much the sum of the IP header has changed. */
  #pass(packet: IpPacket, turned: boolean): number {
    return turned ? 0 : this.#hop.pass(packet)
  }
}
