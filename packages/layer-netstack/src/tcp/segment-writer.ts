import { asIpPacket, type OnesComplement, parseIp, TCP } from '@millrace/core'
import { writeIpHeader } from '../ip/ip-header.ts'
import type { Outbox } from '../ip/outbox.ts'
import { transportChecksum } from '../ip/transport-checksum.ts'
import type { Connection } from './connection.ts'
import type { Engine } from './engine.ts'
import { SYN, TCP_HEADER } from './flags.ts'
import { distance } from './sequence.ts'

/** Timestamps, with two NOPs before them (RFC 7323 appendix A). */
export const TIMESTAMP_OPTION = 12
const MAXIMUM_BLOCKS = 4

/** Writes the segments of connections into packets. */
export class SegmentWriter {
  readonly #engine: Engine
  readonly #outbox: Outbox
  readonly #sums: OnesComplement
  /** Segments sent, ever; a super-packet counts once. */
  written = 0
  readonly #blocks: Int32Array = new Int32Array(MAXIMUM_BLOCKS * 2)

  constructor(engine: Engine, outbox: Outbox, sums: OnesComplement) {
    this.#engine = engine
    this.#outbox = outbox
    this.#sums = sums
  }

  /**
   * Sends a segment with `length` bytes of the connection's stream, which begins with `sequence`; more than the
   * connection's `mss` go as a super-packet. It acknowledges all there is. False if there was no packet to be had.
   */
  write(c: Connection, flags: number, sequence: number, length: number): boolean {
    const ipHeader = c.version === 4 ? 20 : 40
    const blocks = length === 0 && c.sackOk && (flags & SYN) === 0 ? this.#blocksFor(c) : 0
    const options = (flags & SYN) !== 0 ? synOptionsLength(c) : ackOptionsLength(c, blocks)
    const headers = ipHeader + TCP_HEADER + options
    const packet = this.#outbox.acquire(headers + length)
    if (packet === undefined) return false
    packet.length = headers + length
    const { view, offset } = packet
    const tcp = offset + ipHeader
    const { key } = c
    writeIpHeader(packet, c.version, key, TCP)
    view.setInt32(tcp, key[8] as number)
    view.setInt32(tcp + 4, sequence)
    view.setInt32(tcp + 8, c.rcvNxt)
    view.setUint16(tcp + 12, ((TCP_HEADER + options) << 10) | flags)
    view.setUint16(tcp + 14, this.#window(c, (flags & SYN) !== 0))
    view.setUint32(tcp + 16, 0)
    if ((flags & SYN) !== 0) this.#writeSynOptions(view, tcp + TCP_HEADER, c)
    else this.#writeAckOptions(view, tcp + TCP_HEADER, c, blocks)
    if (length > 0) c.sendRing.read(distance(c.sendStart, sequence), packet.memory, offset + headers, length)
    if (length > c.mss) {
      packet.segmentSize = c.mss
      packet.segmentHeader = headers
    } else
      view.setUint16(tcp + 16, transportChecksum(packet, c.version, TCP, tcp, headers + length - ipHeader, this.#sums))
    parseIp(packet)
    packet.direction = 'down'
    packet.peer = c.peer
    packet.arrival = this.#engine.now
    this.#outbox.push(asIpPacket(packet))
    this.written++
    if (length > 0) c.lastDataSent = this.#engine.now
    this.#sent(c)
    return true
  }

  /** The window to offer, as it stands in the header. It opens in steps that are worth it (RFC 9293 §3.8.6.2.2). */
  #window(c: Connection, isSyn: boolean): number {
    const size = this.#engine.settings.receiveBuffer
    const space = this.#engine.receiveSpace(c)
    const offered = Math.max(distance(c.rcvNxt, c.rcvEdge), 0)
    const window = space - offered >= Math.min(size / 2, c.rcvMss) ? space : offered
    const shift = isSyn ? 0 : c.rcvShift
    const field = Math.min(window >>> shift, 0xffff)
    const edge = (c.rcvNxt + (field << shift)) | 0
    if (distance(c.rcvEdge, edge) > 0) c.rcvEdge = edge
    return field
  }

  #sent(c: Connection): void {
    c.ackDue = false
    c.ackAt = Number.POSITIVE_INFINITY
    c.unacknowledged = 0
    c.lastAckSent = c.rcvNxt
  }

  #blocksFor(c: Connection): number {
    if (!c.received.hasHoles) return 0
    return c.received.blocks(this.#blocks, c.timestampsOk ? MAXIMUM_BLOCKS - 1 : MAXIMUM_BLOCKS)
  }

  #writeSynOptions(view: DataView, at: number, c: Connection): void {
    const mss = this.#engine.settings.mtu - (c.version === 4 ? 40 : 60)
    view.setUint32(at, 0x0204_0000 | Math.min(mss, 0xffff))
    let next = at + 4
    // SACK-permitted stands where the NOPs before the timestamps would.
    if (c.sackOk || c.timestampsOk) {
      view.setUint16(next, c.sackOk ? 0x0402 : 0x0101)
      view.setUint16(next + 2, c.timestampsOk ? 0x080a : 0x0101)
      if (c.timestampsOk) this.#writeStamps(view, next + 4, c)
      next += c.timestampsOk ? TIMESTAMP_OPTION : 4
    }
    if (c.windowScaleOk) view.setUint32(next, 0x0103_0300 | c.rcvShift)
  }

  #writeAckOptions(view: DataView, at: number, c: Connection, blocks: number): void {
    let next = at
    if (c.timestampsOk) {
      view.setUint32(next, 0x0101_080a)
      this.#writeStamps(view, next + 4, c)
      next += TIMESTAMP_OPTION
    }
    if (blocks === 0) return
    view.setUint32(next, 0x0101_0500 | (2 + blocks * 8))
    for (let i = 0; i < blocks * 2; i++) view.setInt32(next + 4 + i * 4, this.#blocks[i] as number)
  }

  #writeStamps(view: DataView, at: number, c: Connection): void {
    view.setInt32(at, this.#engine.stampOf(c))
    view.setInt32(at + 4, c.tsRecent)
  }
}

function synOptionsLength(c: Connection): number {
  const stamps = c.timestampsOk ? TIMESTAMP_OPTION : c.sackOk ? 4 : 0
  return 4 + stamps + (c.windowScaleOk ? 4 : 0)
}

function ackOptionsLength(c: Connection, blocks: number): number {
  return (c.timestampsOk ? TIMESTAMP_OPTION : 0) + (blocks === 0 ? 0 : 4 + blocks * 8)
}
