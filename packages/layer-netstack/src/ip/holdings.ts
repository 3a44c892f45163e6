import type { Peer } from '@millrace/core'
import type { PartialDatagram } from './partial-datagram.ts'

/** What a peer has under way, the oldest first. */
interface Holding {
  readonly datagrams: Set<PartialDatagram>
  bytes: number
}

export interface HoldingLimits {
  readonly datagrams: number
  readonly bytes: number
}

/** Whose the datagrams under way are. There are never more holdings than datagrams. */
export class Holdings {
  readonly #holdings = new Map<Peer | undefined, Holding>()
  /** Of all peers. */
  bytes = 0

  add(datagram: PartialDatagram): void {
    const holding = this.#holdings.get(datagram.peer)
    if (holding === undefined) this.#holdings.set(datagram.peer, { datagrams: new Set([datagram]), bytes: 0 })
    else holding.datagrams.add(datagram)
  }

  /** The datagram's cost goes up, or down. */
  charge(datagram: PartialDatagram, bytes: number): void {
    this.bytes += bytes
    const holding = this.#holdings.get(datagram.peer)
    if (holding !== undefined) holding.bytes += bytes
  }

  /** With all that it costs. */
  remove(datagram: PartialDatagram): void {
    this.charge(datagram, -datagram.cost)
    const holding = this.#holdings.get(datagram.peer)
    holding?.datagrams.delete(datagram)
    if (holding?.datagrams.size === 0) this.#holdings.delete(datagram.peer)
  }

  /** The peer's oldest datagram, if with this much more it would have too much. */
  overdrawn(
    peer: Peer | undefined,
    limits: HoldingLimits,
    datagrams: number,
    bytes: number,
  ): PartialDatagram | undefined {
    const holding = this.#holdings.get(peer)
    if (holding === undefined) return undefined
    const fits = holding.datagrams.size + datagrams <= limits.datagrams && holding.bytes + bytes <= limits.bytes
    return fits ? undefined : first(holding.datagrams)
  }

  /** The oldest datagram of whoever has most of them, or most bytes. */
  greediest(by: 'datagrams' | 'bytes'): PartialDatagram | undefined {
    let most: Holding | undefined
    for (const holding of this.#holdings.values()) {
      if (most === undefined || amount(holding, by) > amount(most, by)) most = holding
    }
    return most && first(most.datagrams)
  }
}

function amount(holding: Holding, by: 'datagrams' | 'bytes'): number {
  return by === 'bytes' ? holding.bytes : holding.datagrams.size
}

function first(datagrams: Set<PartialDatagram>): PartialDatagram | undefined {
  return datagrams.values().next().value
}
