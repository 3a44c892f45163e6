import { type IpPacket, type OnesComplement, UDP } from '@millrace/core'
import { KEY_WORDS, readKey } from '../ip/socket-pair.ts'
import { transportChecksum } from '../ip/transport-checksum.ts'
import { isBetweenHosts } from '../ip/unicast.ts'

export const UDP_HEADER = 8

/** An incoming UDP datagram, or several of one size, read once (RFC 768). One object serves for any number of packets. */
export class IncomingDatagram {
  /** The two ends; what it was sent to is local. */
  readonly key: Int32Array = new Int32Array(KEY_WORDS)
  version: 4 | 6 = 4
  /** Where the payload begins in memory, and how many bytes there are. */
  payload = 0
  length = 0
  /** Bytes of one datagram, if the packet stands for several (the last may be shorter); else `length`. */
  unit = 0

  get localPort(): number {
    return (this.key[8] as number) >>> 16
  }

  get remotePort(): number {
    return (this.key[8] as number) & 0xffff
  }

  /**
   * Reads the datagram in `packet`, which `parseIp` has accepted. Returns the reason for a drop, or undefined. Bytes of the
   * IP packet behind the length that UDP states are not its own.
   */
  read(packet: IpPacket, sums: OnesComplement): string | undefined {
    const { view, version, transport, segmentSize } = packet
    if (packet.protocol !== UDP) return 'not-udp'
    if (packet.isFragment) return 'udp-fragment'
    if (transport === 0) return 'udp-truncated'
    const available = packet.offset + packet.length - transport
    // Whoever joins datagrams to a super-packet has looked at length and checksum of each.
    const length = segmentSize === 0 ? view.getUint16(transport + 4) : available
    if (length < UDP_HEADER || length > available) return 'udp-length-invalid'
    if (segmentSize === 0) {
      if (view.getUint16(transport + 6) !== 0) {
        if (transportChecksum(packet, version, UDP, transport, length, sums) !== 0) return 'udp-checksum'
      } else if (version === 6) return 'udp-checksum-missing'
    }
    readKey(this.key, packet)
    if (!isBetweenHosts(this.key, version)) return 'udp-not-between-hosts'
    this.version = version
    this.payload = transport + UDP_HEADER
    this.length = length - UDP_HEADER
    this.unit = segmentSize === 0 ? this.length : Math.min(segmentSize, this.length)
    return undefined
  }
}
