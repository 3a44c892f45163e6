import type { Packet } from './packet.ts'

/** Counts drops by name. Every edge has one; a batch carries the one of the edge it last passed. */
export interface DropCounter {
  count(reason: string, packets: number): void
}

const uncounted: DropCounter = { count() {} }

/**
 * The unit of the packet path: an ordered list of packets, reused by its owner, valid while `serve` runs. An idle link
 * gives batches of one. Removing a packet from a batch does not free it: whoever acquired it releases it.
 */
export class Batch<P extends Packet> {
  readonly #packets: (P | undefined)[] = []
  #length = 0
  /** Set by the edge that hands the batch over, so that a drop is counted where it happens. */
  drops: DropCounter = uncounted

  get length(): number {
    return this.#length
  }

  /** The packet at `index`, which must be below `length`. */
  at(index: number): P {
    return this.#packets[index] as P
  }

  push(packet: P): void {
    this.#packets[this.#length++] = packet
  }

  clear(): void {
    this.#cut(0)
  }

  /** Counts a packet as dropped, under a name a person can read: `no-mapping`, `smtp-blocked`. The batch is unchanged. */
  drop(packet: P, reason: string): void {
    this.drops.count(reason, packet.segments)
  }

  /** Keeps, in order, the packets for which `judge` returns undefined, and drops the others for the reason it returns. */
  sift(judge: (packet: P) => string | undefined): void {
    let kept = 0
    for (let i = 0; i < this.#length; i++) {
      const packet = this.#packets[i] as P
      const reason = judge(packet)
      if (reason === undefined) this.#packets[kept++] = packet
      else this.drop(packet, reason)
    }
    this.#cut(kept)
  }

  /** Replaces each packet by what `change` returns. */
  replace(change: (packet: P) => P): void {
    for (let i = 0; i < this.#length; i++) this.#packets[i] = change(this.#packets[i] as P)
  }

  /** Forgets the packets from `length` on. Not by `fill`, whose call alone takes 40 ns, as long as some layers. */
  #cut(length: number): void {
    for (let i = length; i < this.#length; i++) this.#packets[i] = undefined
    this.#length = length
  }

  *[Symbol.iterator](): Generator<P> {
    for (let i = 0; i < this.#length; i++) yield this.#packets[i] as P
  }
}
