import type { Service } from '../contract/contract.ts'
import { Batch } from './batch.ts'
import type { Packet } from './packet.ts'
import type { PacketPool } from './pool.ts'
import type { PooledPacket } from './pooled-packet.ts'

/**
 * For whoever brings packets into a stack: acquires them from the pool, serves them as one batch, and gives every one
 * of them back afterwards, whatever the layers did to the batch.
 */
export class Burst<P extends Packet> {
  readonly #pool: PacketPool
  readonly #owned: PooledPacket[] = []
  /** How many of `owned` count. The array itself never shrinks: that would throw its memory away, burst by burst. */
  #ownedCount = 0
  readonly #batch = new Batch<P>()

  constructor(pool: PacketPool) {
    this.#pool = pool
  }

  get length(): number {
    return this.#batch.length
  }

  /** An empty packet with room for `size` bytes, to be filled and `push`ed or released; undefined when the pool is empty. */
  acquire(size: number): PooledPacket | undefined {
    return this.#pool.acquire(size)
  }

  /** Adds a packet; this burst owns it from now on. */
  push(packet: P): void {
    this.#owned[this.#ownedCount++] = packet as Packet as PooledPacket
    this.#batch.push(packet)
  }

  /** Adds a packet that stays its owner's, who keeps it until this has been served. */
  lend(packet: P): void {
    this.#batch.push(packet)
  }

  /**
   * Serves what was pushed and lent, in the order it came, and releases what was pushed. Not reentrant: a service that
   * sends back at once needs a burst of its own.
   */
  serve(service: Service<P>): void {
    if (this.#batch.length === 0) return
    try {
      service.serve(this.#batch)
    } finally {
      this.#batch.clear()
      const count = this.#ownedCount
      this.#ownedCount = 0
      for (let i = 0; i < count; i++) this.#owned[i]?.release()
    }
  }
}
