import type { Context, DuplexLayer, Layer, Line, Service } from '../contract/index.ts'
import { parseIp } from '../ip/parse-ip.ts'
import type { Batch } from '../packet/batch.ts'
import { Burst } from '../packet/burst.ts'
import type { Packet } from '../packet/packet.ts'
import type { PacketPool } from '../packet/pool.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import { Spare } from '../packet/spare.ts'
import { Segmenter } from '../segment/segmenter.ts'
import { type Chain, layers } from '../stack/chain.ts'

/**
 * For a line that does not know super-packets: on both ways each is cut before it, into packets of the same kind, each
 * with headers and checksums of its own. It costs what super-packets save, from this line on to the next that joins.
 *
 * Drops: `super-packet-malformed`, `pool-empty`.
 */
export function singly<Low extends Packet, High extends Packet = Low>(line: Line<Low, High>): Chain<Low, High> {
  return layers<Low>().layer(cut<Low>('up')).layer(line).layer(cut<High>('down'))
}

function cut<P extends Packet>(direction: 'up' | 'down'): DuplexLayer<P> {
  let cutter: Cutter<P> | undefined
  const cutting: Layer<P> = {
    layer: (inner) => ({ serve: (batch) => (cutter === undefined ? inner.serve(batch) : cutter.serve(batch, inner)) }),
  }
  const passing: Layer<P> = { layer: (inner) => inner }
  return {
    name: 'singly',
    start(context) {
      cutter = new Cutter(context)
    },
    up: direction === 'up' ? cutting : passing,
    down: direction === 'down' ? cutting : passing,
  }
}

class Cutter<P extends Packet> {
  readonly #pool: PacketPool
  readonly #segmenter: Segmenter
  readonly #bursts: Spare<Burst<P>>

  constructor({ pool }: Context) {
    this.#pool = pool
    this.#segmenter = new Segmenter(pool.sums)
    this.#bursts = new Spare(() => new Burst<P>(pool))
  }

  serve(batch: Batch<P>, inner: Service<P>): void {
    const burst = this.#bursts.take()
    for (let i = 0; i < batch.length; i++) {
      const packet = batch.at(i)
      if (packet.segmentSize === 0) burst.lend(packet)
      else if (packet.segmentHeader === 0) this.#cutTrain(batch, packet, burst)
      else this.#cutIp(batch, packet, burst)
    }
    burst.serve(inner)
    this.#bursts.giveBack(burst)
  }

  /** Datagrams one behind the other. */
  #cutTrain(batch: Batch<P>, packet: P, burst: Burst<P>): void {
    const { offset, length, segmentSize } = packet
    for (let at = 0; at < length; at += segmentSize) {
      const size = Math.min(segmentSize, length - at)
      const piece = this.#pieceOf(packet, size)
      if (piece === undefined) batch.drops.count('pool-empty', 1)
      else {
        piece.memory.copyWithin(piece.offset, offset + at, offset + at + size)
        burst.push(piece as Packet as P)
      }
    }
  }

  #cutIp(batch: Batch<P>, packet: P, burst: Burst<P>): void {
    const segmenter = this.#segmenter
    // What a peer sent has not been parsed yet; what has been stays as it is.
    const reason = parseIp(packet) ?? segmenter.begin(packet)
    if (reason !== undefined) {
      batch.drop(packet, reason)
      return
    }
    for (let i = 0; i < segmenter.count; i++) {
      const piece = this.#pieceOf(packet, segmenter.lengthOf(i))
      if (piece === undefined) batch.drops.count('pool-empty', 1)
      else {
        segmenter.write(i, piece.offset)
        parseIp(piece)
        burst.push(piece as Packet as P)
      }
    }
  }

  /** An empty packet of `size` bytes that says of itself what the whole does. */
  #pieceOf(packet: P, size: number): PooledPacket | undefined {
    const piece = this.#pool.acquire(size)
    if (piece === undefined) return undefined
    const whole = packet as Packet as PooledPacket
    piece.length = size
    piece.kind = whole.kind
    piece.direction = whole.direction
    piece.arrival = whole.arrival
    piece.peer = whole.peer
    piece.remote = whole.remote
    piece.local = whole.local
    piece.trafficClass = whole.trafficClass
    return piece
  }
}
