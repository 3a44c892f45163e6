import { type IpPacket, type OnesComplement, TCP } from '@millrace/core'
import { transportChecksum } from '../ip/transport-checksum.ts'
import { FIN, SYN, TCP_HEADER } from './flags.ts'
import { SegmentOptions } from './segment-options.ts'

/** An incoming TCP segment, read once (RFC 9293 §3.1). One object serves for any number, one after the other. */
export class Segment {
  flags = 0
  sequence = 0
  acknowledgment = 0
  /** As it stands there, not scaled. */
  window = 0
  /** Where the data begin in `memory`, and how many bytes there are. */
  memory: Uint8Array = new Uint8Array(0)
  payload = 0
  length = 0
  /** Bytes of data of one segment, if the packet stands for several; else `length`. */
  unit = 0
  readonly options: SegmentOptions = new SegmentOptions()

  /** Sequence numbers it takes up: data, SYN and FIN. */
  get span(): number {
    return this.length + ((this.flags & SYN) !== 0 ? 1 : 0) + ((this.flags & FIN) !== 0 ? 1 : 0)
  }

  /**
   * Reads the segment in `packet`, which `parseIp` has accepted. Returns the reason for a drop, or undefined. The urgent
   * pointer is not read at all: urgent data is part of the stream (RFC 6093).
   */
  read(packet: IpPacket, sums: OnesComplement): string | undefined {
    const { view, transport } = packet
    if (packet.protocol !== TCP) return 'not-tcp'
    if (packet.isFragment) return 'tcp-fragment'
    if (transport === 0) return 'tcp-truncated'
    const end = packet.offset + packet.length
    const headerLength = (view.getUint8(transport + 12) >> 4) * 4
    if (headerLength < TCP_HEADER || transport + headerLength > end) return 'tcp-header-invalid'
    // Whoever joins segments to a super-packet has looked at the checksum of each (RFC 9293 §3.1: MUST-3).
    if (
      packet.segmentSize === 0 &&
      transportChecksum(packet, packet.version, TCP, transport, end - transport, sums) !== 0
    )
      return 'tcp-checksum'
    this.sequence = view.getInt32(transport + 4)
    this.acknowledgment = view.getInt32(transport + 8)
    this.flags = view.getUint8(transport + 13)
    this.window = view.getUint16(transport + 14)
    this.memory = packet.memory
    this.payload = transport + headerLength
    this.length = end - this.payload
    this.unit = packet.segmentSize === 0 ? this.length : Math.min(packet.segmentSize, this.length)
    this.options.read(view, transport + TCP_HEADER, this.payload)
    return undefined
  }
}
