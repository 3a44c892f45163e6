import type { IpPacket } from '@millrace/core'
import type { Hop } from './hop.ts'
import { matchError, rewriteError } from './icmp-error.ts'
import type { Lookups } from './lookups.ts'
import { BY_MAPPING } from './match.ts'
import { TCP } from './protocols.ts'
import { rewriteAddressOnly, rewriteEnd } from './rewrite.ts'
import type { NatTable } from './table.ts'
import { opensConnection } from './tcp-state.ts'

/**
 * Translates packets from the outside: finds whom they are for, and rewrites the destination. Makes no sessions. Each
 * method returns why not, or undefined. `turned` is a packet that came from the inside and has had its hop.
 */
export class DownPath {
  readonly #table: NatTable
  readonly #lookups: Lookups
  readonly #hop: Hop

  constructor(table: NatTable, hop: Hop) {
    this.#table = table
    this.#lookups = table.lookups
    this.#hop = hop
  }

  /** TCP and UDP by their ports, ICMP echo by its identifier, other protocols by nothing but addresses: 0. */
  flow(packet: IpPacket, port: number, remotePort: number, turned: boolean): string | undefined {
    const { view, offset, transport, protocol } = packet
    if (!this.#lookups.findDown(protocol, packet.destination4, port, packet.source4, remotePort)) return 'no-mapping'
    const { session, address, port: insidePort } = this.#lookups.match
    // By filtering alone, nothing of a connection passes but its beginning: the answer to that makes the session.
    if (session === BY_MAPPING && protocol === TCP && !opensConnection(view.getUint8(transport + 13)))
      return 'no-mapping'
    const refusal = this.#arrive(packet, turned)
    if (refusal !== undefined) return refusal
    const end = offset + packet.length
    if (session >= 0 && protocol === TCP) this.#table.useTcp(session, view, transport, end, false)
    else if (session >= 0) this.#table.use(session, false)
    if (session >= 0) this.#table.view.count(session, false, packet.segments, packet.length)
    rewriteEnd(view, offset, transport, end, 'destination', address, insidePort, packet.segmentSize > 0)
    return undefined
  }

  error(packet: IpPacket, turned: boolean): string | undefined {
    const reason = matchError(packet, this.#table, false) ?? this.#arrive(packet, turned)
    if (reason !== undefined) return reason
    rewriteError(packet, this.#lookups.match, false)
    return undefined
  }

  /** One-to-one: the address alone. */
  readdress(packet: IpPacket, address: number, turned: boolean): string | undefined {
    const refusal = this.#arrive(packet, turned)
    if (refusal !== undefined) return refusal
    const { view, offset, transport } = packet
    rewriteAddressOnly(view, offset, transport, offset + packet.length, 'destination', address)
    return undefined
  }

  #arrive(packet: IpPacket, turned: boolean): string | undefined {
    if (turned) return undefined
    const refusal = this.#hop.refuseDown(packet)
    if (refusal === undefined) this.#hop.pass(packet)
    return refusal
  }
}
