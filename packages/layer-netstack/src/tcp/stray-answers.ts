import {
  asIpPacket,
  checksum,
  type IcmpErrorKind,
  type IpPacket,
  type PooledPacket,
  parseIp,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  TokenBucket,
} from '@millrace/core'
import { pushIcmpError } from '../icmp/push-icmp-error.ts'
import { writeIpHeader } from '../ip/ip-header.ts'
import type { Outbox } from '../ip/outbox.ts'
import { turned } from '../ip/socket-pair.ts'
import type { Connection } from './connection.ts'
import { ACK, RST, SYN, TCP, TCP_HEADER } from './flags.ts'
import type { Segment } from './segment.ts'

/** Answers that belong to no connection, or no longer: RSTs (RFC 9293 §3.10.7.1) and ICMP errors, within a rate. */
export class StrayAnswers {
  readonly #outbox: Outbox
  readonly #bucket: TokenBucket
  /** Not sent, to keep within the rate or because there was no packet to be had. */
  unsent = 0

  constructor(outbox: Outbox, perSecond: number) {
    this.#outbox = outbox
    this.#bucket = new TokenBucket({ perSecond, burst: Math.max(perSecond / 4, 1) })
  }

  /** The RST for a segment that no connection wants. A RST is never answered. */
  refuseSegment(key: Int32Array, version: 4 | 6, segment: Segment, now: number, peer?: IpPacket['peer']): void {
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
    const syn = this.#acquire(60, now)
    if (syn === undefined) return
    const offending = writeSyn(syn, c)
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
    peer?: IpPacket['peer'],
  ): void {
    const packet = this.#acquire(60, now)
    if (packet === undefined) return
    const reset = writeBare(packet, version, key, flags, sequence, acknowledgment)
    reset.direction = 'down'
    reset.peer = peer
    reset.arrival = now
    this.#outbox.push(reset)
  }

  #acquire(size: number, now: number): PooledPacket | undefined {
    const packet = this.#bucket.take(now) ? this.#outbox.acquire(size) : undefined
    if (packet === undefined) this.unsent++
    return packet
  }
}

/** A segment without options and data, from the local to the remote end of `key`. */
function writeBare(
  packet: PooledPacket,
  version: 4 | 6,
  key: Int32Array,
  flags: number,
  sequence: number,
  acknowledgment: number,
): IpPacket {
  const header = version === 4 ? 20 : 40
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
  const pseudo =
    version === 4 ? pseudoHeaderSum4(view, offset, TCP, TCP_HEADER) : pseudoHeaderSum6(view, offset, TCP, TCP_HEADER)
  view.setUint16(tcp + 16, checksum(view, tcp, TCP_HEADER, pseudo))
  parseIp(packet)
  return asIpPacket(packet)
}

/** The SYN that came in, as far as it is known: what an ICMP error quotes to tell its sender what it is about. */
function writeSyn(packet: PooledPacket, c: Connection): IpPacket {
  packet.peer = c.peer
  return writeBare(packet, c.version, turned(c.key), SYN, c.irs, 0)
}
