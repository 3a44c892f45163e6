import { asIpPacket, type IpPacket, type OnesComplement, type Peer, parseIp, UDP } from '@millrace/core'
import { Fragmenter } from '../ip/fragmenter.ts'
import { ipHeaderLength, writeIpHeader } from '../ip/ip-header.ts'
import type { Outbox } from '../ip/outbox.ts'
import { turned } from '../ip/socket-pair.ts'
import { transportChecksum } from '../ip/transport-checksum.ts'
import { isBetweenHosts } from '../ip/unicast.ts'
import type { StackSurroundings } from '../surroundings.ts'
import { UDP_HEADER } from './datagram.ts'

const LARGEST_PACKET = 65_535
/** Datagrams in one packet, at most: what every kernel with UDP_SEGMENT takes (UDP_MAX_SEGMENTS before Linux 6.10). */
const MOST_SEGMENTS = 64

/** Where datagrams go, and in what pieces. */
export interface Way {
  readonly version: 4 | 6
  readonly peer: Peer | undefined
  readonly mtu: number
}

/** Writes UDP datagrams into packets (RFC 768). */
export class DatagramWriter {
  readonly #outbox: Outbox
  readonly #sums: OnesComplement
  readonly #fragmenter: Fragmenter

  constructor({ outbox, sums, random }: StackSurroundings) {
    this.#outbox = outbox
    this.#sums = sums
    this.#fragmenter = new Fragmenter(outbox, random)
  }

  /**
   * Sends `payload` from the local to the remote end of `key`: one datagram, in fragments if it is larger than the MTU; or,
   * with a `segmentSize`, several of that size, as few packets as can be. Returns why not all of it was sent, or undefined.
   */
  write(key: Int32Array, way: Way, payload: Uint8Array, segmentSize: number, now: number): string | undefined {
    if (!isBetweenHosts(key, way.version)) return 'udp-not-between-hosts'
    const headers = ipHeaderLength(way.version) + UDP_HEADER
    if (segmentSize <= 0 || payload.length <= segmentSize) return this.#write(key, way, payload, 0, now)
    const fits = headers + segmentSize <= way.mtu
    const most = fits ? Math.min(Math.floor((LARGEST_PACKET - headers) / segmentSize), MOST_SEGMENTS) : 1
    for (let from = 0; from < payload.length; from += most * segmentSize) {
      const part = payload.subarray(from, from + most * segmentSize)
      const reason = this.#write(key, way, part, part.length > segmentSize ? segmentSize : 0, now)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  #write(
    key: Int32Array,
    { version, peer, mtu }: Way,
    payload: Uint8Array,
    segmentSize: number,
    now: number,
  ): string | undefined {
    const ipHeader = ipHeaderLength(version)
    const headers = ipHeader + UDP_HEADER
    const total = headers + payload.length
    if (total > LARGEST_PACKET) return 'udp-too-long'
    const packet = this.#outbox.acquire(total)
    if (packet === undefined) return 'pool-empty'
    packet.length = total
    writeIpHeader(packet, version, key, UDP)
    const { view } = packet
    const udp = packet.offset + ipHeader
    const length = UDP_HEADER + payload.length
    view.setInt32(udp, key[8] as number)
    view.setUint32(udp + 4, length << 16)
    packet.memory.set(payload, udp + UDP_HEADER)
    if (segmentSize > 0) {
      packet.segmentSize = segmentSize
      packet.segmentHeader = headers
    } else {
      // RFC 768: a checksum of 0 would mean that there is none.
      view.setUint16(udp + 6, transportChecksum(packet, version, UDP, udp, length, this.#sums) || 0xffff)
    }
    parseIp(packet)
    packet.direction = 'down'
    packet.peer = peer
    packet.arrival = now
    return this.#fragmenter.push(asIpPacket(packet), mtu)
  }
}

/**
 * The datagram that came from the remote end of `key` to the local one, as far as it is known: what an ICMP error quotes to
 * tell its sender what it is about. Undefined if there is no packet to be had; else the caller's to release.
 */
export function writeQuote(outbox: Outbox, key: Int32Array, { version, peer }: Way): IpPacket | undefined {
  const length = ipHeaderLength(version) + UDP_HEADER
  const packet = outbox.acquire(length)
  if (packet === undefined) return undefined
  packet.length = length
  const sent = turned(key)
  writeIpHeader(packet, version, sent, UDP)
  const { view } = packet
  const udp = packet.offset + length - UDP_HEADER
  view.setInt32(udp, sent[8] as number)
  view.setUint32(udp + 4, UDP_HEADER << 16)
  parseIp(packet)
  packet.peer = peer
  return asIpPacket(packet)
}
