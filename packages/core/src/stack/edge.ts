import type { Service } from '../contract/contract.ts'
import type { Batch, DropCounter } from '../packet/batch.ts'
import type { Direction, Packet } from '../packet/packet.ts'
import type { Logger } from '../runtime/logger.ts'

/** What passed between two neighbouring lines of a stack, one way. `drops` are those of the line it leads to. */
export interface EdgeStatistics {
  readonly from: string
  readonly to: string
  readonly direction: Direction
  /** Segments of a super-packet count one each. */
  readonly packets: number
  readonly bytes: number
  /** Packets per batch is the load: 1 on an idle link. */
  readonly batches: number
  readonly drops: Readonly<Record<string, number>>
}

/** Packets that went no further, by the line that dropped them. */
export interface DropStatistics {
  readonly line: string
  readonly reason: string
  readonly packets: number
}

/** Shared by the edges of one stack: whether packets flow yet, and who is told of a layer that throws. */
export interface Gate {
  open: boolean
  logger: Logger
}

/** Names of drops that an edge counts one by one, at most. */
const MAXIMUM_REASONS = 64

/**
 * Stands between two lines, counts what passes, says which way it goes, and is the wall behind which a layer may fail:
 * what it throws becomes a counted drop. A number counts exactly up to 2^53.
 */
export class Edge<P extends Packet> implements Service<P>, DropCounter {
  readonly from: string
  readonly to: string
  readonly direction: Direction
  /** Set once while the stack is wired. */
  next: Service<P> | undefined
  readonly #gate: Gate
  readonly #drops = new Map<string, number>()
  #packets = 0
  #bytes = 0
  #batches = 0

  constructor(from: string, to: string, direction: Direction, gate: Gate) {
    this.from = from
    this.to = to
    this.direction = direction
    this.#gate = gate
  }

  serve(batch: Batch<P>): void {
    const { length } = batch
    if (length === 0) return
    let packets = 0
    let bytes = 0
    for (let i = 0; i < length; i++) {
      const packet = batch.at(i)
      packet.direction = this.direction
      packets += packet.segments
      bytes += packet.length
    }
    if (!this.#gate.open) {
      this.count('stack-not-running', packets)
      return
    }
    this.#batches++
    this.#packets += packets
    this.#bytes += bytes
    const outer = batch.drops
    batch.drops = this
    try {
      this.next?.serve(batch)
    } catch (error) {
      this.#failed(error, packets)
    } finally {
      batch.drops = outer
    }
  }

  /** A layer that makes names out of packets must not fill the table: past a bound all new names are one. */
  count(reason: string, packets: number): void {
    const name = this.#drops.has(reason) || this.#drops.size < MAXIMUM_REASONS ? reason : 'other'
    this.#drops.set(name, (this.#drops.get(name) ?? 0) + packets)
  }

  statistics(): EdgeStatistics {
    return {
      from: this.from,
      to: this.to,
      direction: this.direction,
      packets: this.#packets,
      bytes: this.#bytes,
      batches: this.#batches,
      drops: Object.fromEntries(this.#drops),
    }
  }

  /** Logged at the 1st, 2nd, 4th, 8th … batch, so that a layer that always throws cannot fill a disk. */
  #failed(error: unknown, packets: number): void {
    const before = this.#drops.get('layer-threw') ?? 0
    this.count('layer-threw', packets)
    const after = before + packets
    if (before === 0 || Math.floor(Math.log2(before)) !== Math.floor(Math.log2(after))) {
      this.#gate.logger.error({ err: error, layer: this.to, direction: this.direction, packets: after }, 'layer threw')
    }
  }
}
