import type { Peer } from '@millrace/core'

/** A number for each peer, to stand in keys; 0 for none. Peers that are no more take no memory. */
export class PeerNumbers {
  readonly #numbers = new WeakMap<Peer, number>()
  #last = 0

  of(peer: Peer | undefined): number {
    if (peer === undefined) return 0
    const known = this.#numbers.get(peer)
    if (known !== undefined) return known
    this.#numbers.set(peer, ++this.#last)
    return this.#last
  }
}
