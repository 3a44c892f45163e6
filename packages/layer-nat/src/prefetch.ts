import type { Batch, IpPacket } from '@millrace/core'
import { destinationOf, sourceOf } from './addresses.ts'
import { TCP, UDP } from './protocols.ts'
import type { Sessions } from './sessions.ts'

/** With as few sessions all are in the processor's caches soon. */
const FEW_SESSIONS = 256

/**
 * Has the sessions of a whole batch brought to the processor's caches at once, before its packets are translated one by
 * one: waiting for memory is most of what a packet costs when there are many sessions. Changes nothing but that.
 */
export class Prefetch {
  readonly #sessions: Sessions

  constructor(sessions: Sessions) {
    this.#sessions = sessions
  }

  /** Packets from the inside, or from the outside. */
  run(batch: Batch<IpPacket>, up: boolean): void {
    const { length } = batch
    if (length === 1 || this.#sessions.length < FEW_SESSIONS) return
    const { index } = this.#sessions
    for (let i = 0; i < length; i++) {
      const packet = batch.at(i)
      const { protocol, transport, view } = packet
      if (packet.version === 6 || transport === 0 || (protocol !== TCP && protocol !== UDP)) continue
      const from = view.getUint16(transport)
      const to = view.getUint16(transport + 2)
      if (up) index.expectInside(protocol, sourceOf(packet), from, destinationOf(packet), to)
      else index.expectOutside(protocol, destinationOf(packet), to, sourceOf(packet), from)
    }
    index.fetch()
  }
}
