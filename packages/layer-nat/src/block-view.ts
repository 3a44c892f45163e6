import type { Peer } from '@millrace/core'
import { type Account, peerOf } from './accounts.ts'
import { nameOf } from './egress.ts'
import type { NatTable } from './table.ts'

/** A block of ports that a peer has. */
export interface NatPortBlock {
  /** The inside address, as text, where packets have no peer. */
  readonly peer: Peer | string
  readonly address: string
  readonly first: number
  readonly last: number
  /** Mappings in it, or sessions where ports are shared by destinations. 0: it is at rest, and free when that is over. */
  readonly used: number
}

export interface NatPortBlocks {
  /** Blocks of all outside addresses, without those of which all ports are reserved or forwarded. */
  readonly capacity: number
  readonly inUse: readonly NatPortBlock[]
}

/** The blocks that peers have, undefined where there are none to be had. Allocates. */
export function blocksOf({ blocks, egress }: NatTable): NatPortBlocks | undefined {
  if (blocks.length === 0) return undefined
  return {
    capacity: blocks.reduce((sum, each) => sum + each.capacity, 0),
    inUse: blocks.flatMap((each, which) =>
      each.list().map((block) => ({
        peer: peerOf((each.ownerOf(block) as Account).owner),
        address: nameOf(egress.address(which)),
        first: each.first(block),
        last: each.last(block),
        used: each.used(block),
      })),
    ),
  }
}
