import { asIpPacket, type IpPacket, type PacketPool, parseIp, Segmenter } from '@millrace/core'

/** Writes super-packets to a device that does not take them, segment by segment. */
export class Cutter {
  readonly #pool: PacketPool
  readonly #segmenter: Segmenter
  readonly #write: (segment: IpPacket) => string | undefined
  readonly #drop: (reason: string) => void

  /** `write` returns the reason for the drop of a segment, which `drop` counts, or undefined. */
  constructor(pool: PacketPool, write: (segment: IpPacket) => string | undefined, drop: (reason: string) => void) {
    this.#pool = pool
    this.#segmenter = new Segmenter(pool.sums)
    this.#write = write
    this.#drop = drop
  }

  /** Returns the reason for the drop of the whole packet, or undefined. */
  cut(packet: IpPacket): string | undefined {
    const segmenter = this.#segmenter
    const reason = segmenter.begin(packet)
    if (reason !== undefined) return reason
    const segment = this.#pool.acquire(segmenter.lengthOf(0))
    if (segment === undefined) return 'pool-empty'
    for (let i = 0; i < segmenter.count; i++) {
      segment.length = segmenter.write(i, segment.offset)
      const reason = parseIp(segment) ?? this.#write(asIpPacket(segment))
      if (reason !== undefined) this.#drop(reason)
    }
    segment.release()
    return undefined
  }
}
