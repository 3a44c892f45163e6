import type { Random } from '@millrace/core'
import type { Keypair } from './keypair.ts'
import type { PeerState } from './peer.ts'

/** Whom a receiver index stands for: a handshake of ours that waits for its response, or, with a keypair, a session. */
export interface IndexEntry {
  readonly peer: PeerState
  keypair: Keypair | undefined
}

/**
 * Random 32-bit indices, never in sequence: they tell an observer nothing. Bounded by four per peer. Kept as signed
 * numbers: for half of the unsigned ones the engine would make an object at each look.
 */
export class IndexTable {
  readonly #entries = new Map<number, IndexEntry>()

  get size(): number {
    return this.#entries.size
  }

  get(index: number): IndexEntry | undefined {
    return this.#entries.get(index | 0)
  }

  allocate(random: Random, peer: PeerState): number {
    let index = random.uint32()
    while (this.#entries.has(index | 0)) index = random.uint32()
    this.#entries.set(index | 0, { peer, keypair: undefined })
    return index
  }

  free(index: number): void {
    this.#entries.delete(index | 0)
  }
}
