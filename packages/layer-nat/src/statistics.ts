import type { IcmpAnswerStatistics, Peer } from '@millrace/core'
import { peerOf } from './accounts.ts'
import { blocksOf, type NatPortBlocks } from './block-view.ts'
import type { Exhaustion, NatResource } from './exhaustion.ts'
import type { RunningNat } from './running-nat.ts'
import type { NatMapping } from './session-view.ts'
import type { NatTableCounts } from './table-options.ts'

/** A snapshot of a running NAT. */
export interface NatStatistics {
  readonly sessions: NatTableCounts
  /** Most sessions at once. */
  readonly capacity: number
  /** Packets that would have begun a session, by what had run out. */
  readonly refused: Readonly<Record<NatResource, number>>
  /** Sessions and shared ports of each peer that has any; by inside address, as text, where packets have no peer. */
  readonly peers: readonly { readonly peer: Peer | string; readonly sessions: number; readonly ports: number }[]
  /** ICMP errors of our own, to the inside and to the outside. */
  readonly errorsInside: IcmpAnswerStatistics
  readonly errorsOutside: IcmpAnswerStatistics
  /** TCP resets of our own, to the inside; undefined with `unknownTcp: 'drop'`. */
  readonly resets: IcmpAnswerStatistics | undefined
  /** Undefined without `portBlocks`. */
  readonly portBlocks: NatPortBlocks | undefined
}

export function statisticsOf(nat: RunningNat, exhaustion: Exhaustion): NatStatistics {
  const { table, errors, resets } = nat.sources()
  return {
    sessions: table.counts(),
    capacity: table.view.capacity,
    refused: exhaustion.refused(),
    peers: table.accounts().flatMap(({ owner, sessions, ports }) => {
      return sessions === 0 ? [] : [{ peer: peerOf(owner), sessions, ports }]
    }),
    errorsInside: errors.inside,
    errorsOutside: errors.outside,
    resets,
    portBlocks: blocksOf(table),
  }
}

/** All of them, or those of one peer, by its name. */
export function* mappingsOf(mappings: Iterable<NatMapping>, name: string | undefined): Generator<NatMapping> {
  for (const mapping of mappings) {
    const { peer } = mapping
    if (name === undefined || name === (typeof peer === 'string' ? peer : peer.name)) yield mapping
  }
}
