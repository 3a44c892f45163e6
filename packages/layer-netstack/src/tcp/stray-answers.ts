import {
  asIpPacket,
  foldAddress6,
  type IcmpErrorKind,
  type IpPacket,
  type OnesComplement,
  type Peer,
  type PooledPacket,
  parseIp,
  SharedRate,
  TCP,
} from '@millrace/core'
import { pushIcmpError } from '../icmp/push-icmp-error.ts'
import { ipHeaderLength, writeIpHeader } from '../ip/ip-header.ts'
import type { Outbox } from '../ip/outbox.ts'
import { turned } from '../ip/socket-pair.ts'
import { transportChecksum } from '../ip/transport-checksum.ts'
import type { Connection } from './connection.ts'
import { ACK, RST, SYN, TCP_HEADER } from './flags.ts'
import type { TcpSettings } from './options.ts'
import type { Segment } from './segment.ts'

/** Answers that belong to no connection, or no longer: RSTs (RFC 9293 §3.10.7.1) and ICMP errors, within a rate, and a share of it for each peer. */
export class StrayAnswers {
  readonly #outbox: Outbox
  readonly #sums: OnesComplement
  readonly #rate: SharedRate
  /** Not sent, to keep within the rate or because there was no packet to be had. */
  unsent = 0

  constructor(outbox: Outbox, sums: OnesComplement, settings: TcpSettings) {
    const { answersPerSecond: perSecond, answersPerSecondPerPeer: perSecondPerPeer } = settings
    this.#outbox = outbox
    this.#sums = sums
    this.#rate = new SharedRate({ perSecond, perSecondPerPeer })
  }

  /** The RST for a segment that no connection wants. A RST is never answered. */
  refuseSegment(key: Int32Array, version: 4 | 6, segment: Segment, now: number, peer?: Peer): void {
    const { flags } = segment
    if ((flags & RST) !== 0) return
    if ((flags & ACK) !== 0) this.#reset(key, version, RST, segment.acknowledgment, 0, now, peer)
    else this.#reset(key, version, RST | ACK, 0, (segment.sequence + segment.span) | 0, now, peer)
  }

  /** The RST for the SYN of a connection that was asked for and not answered. */
  refuseSyn(c: Connection, now: number): void {
    this.#reset(c.key, c.version, RST | ACK, 0, (c.irs + 1) | 0, now, c.peer)
  }

  /** The RST by which a connection ends that both ends know of. */
  abort(c: Connection, now: number): void {
    this.#reset(c.key, c.version, RST | ACK, c.sndNxt, c.rcvNxt, now, c.peer)
  }

  /** The ICMP error about the SYN of a connection that was asked for and not answered. It comes from where the SYN went. */
  reportSyn(c: Connection, kind: IcmpErrorKind, now: number): void {
    const syn = this.#acquire(c.key, c.version, now, c.peer)
    if (syn === undefined) return
    // As far as it is known: what the error quotes to tell its sender what it is about.
    const offending = this.#write(syn, c.version, turned(c.key), SYN, c.irs, 0)
    offending.peer = c.peer
    if (!pushIcmpError(this.#outbox, offending, kind, now)) this.unsent++
    syn.release()
  }

  #reset(
    key: Int32Array,
    version: 4 | 6,
    flags: number,
    sequence: number,
    acknowledgment: number,
    now: number,
    peer: Peer | undefined,
  ): void {
    const packet = this.#acquire(key, version, now, peer)
    if (packet === undefined) return
    const reset = this.#write(packet, version, key, flags, sequence, acknowledgment)
    reset.direction = 'down'
    reset.peer = peer
    reset.arrival = now
    this.#outbox.push(reset)
  }

  #acquire(key: Int32Array, version: 4 | 6, now: number, peer: Peer | undefined): PooledPacket | undefined {
    const mayAnswer = this.#rate.takeFor(peer, peer === undefined ? remoteOf(key, version) : 0, now)
    const packet = mayAnswer ? this.#outbox.acquire(ipHeaderLength(version) + TCP_HEADER) : undefined
    if (packet === undefined) this.unsent++
    return packet
  }

  /** A segment without options and data, from the local to the remote end of `key`. */
  #write(
    packet: PooledPacket,
    version: 4 | 6,
    key: Int32Array,
    flags: number,
    sequence: number,
    acknowledgment: number,
  ): IpPacket {
    const header = ipHeaderLength(version)
    const { view, offset } = packet
    const tcp = offset + header
    packet.length = header + TCP_HEADER
    writeIpHeader(packet, version, key, TCP)
    view.setInt32(tcp, key[8] as number)
    view.setInt32(tcp + 4, sequence)
    view.setInt32(tcp + 8, acknowledgment)
    view.setUint16(tcp + 12, (TCP_HEADER << 10) | flags)
    view.setUint16(tcp + 14, 0)
    view.setUint32(tcp + 16, 0)
    view.setUint16(tcp + 16, transportChecksum(packet, version, TCP, tcp, TCP_HEADER, this.#sums))
    parseIp(packet)
    return asIpPacket(packet)
  }
}

function remoteOf(key: Int32Array, version: 4 | 6): number {
  return version === 4 ? (key[7] as number) : foldAddress6(key[4] as number, key[5] as number)
}
