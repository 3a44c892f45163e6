import {
  IP_PKTINFO,
  IP_TOS,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  UDP_GRO,
  UDP_SEGMENT,
} from '@millrace/native'
import { LOCAL_WORDS, type NativeLocal } from './addresses.ts'

// struct cmsghdr: length as u64, level, type; data behind it, aligned to 8. struct in_pktinfo and in6_pktinfo.
const HEADER = 16
const IN_PKTINFO = 12
const IN_PKTINFO_SOURCE = 4
const IN6_PKTINFO = 20
const IN6_PKTINFO_INTERFACE = 16

/** Bytes that a UDP_SEGMENT control message takes. */
export const SEGMENT_CONTROL = 24

/** What the control messages of one received message say. */
export class Received {
  /** Where it came in: address and interface. */
  readonly local: Int32Array = new Int32Array(LOCAL_WORDS)
  /** DSCP and ECN. */
  trafficClass = 0
  /** Bytes of each datagram of a train but the last; 0 for a single datagram. */
  segmentSize = 0

  /** Reads the control messages in `view` from `at` to `end`. What makes no sense is passed over. */
  read(view: DataView, at: number, end: number): void {
    this.local.fill(0)
    this.trafficClass = 0
    this.segmentSize = 0
    for (let next = at; next + HEADER <= end; ) {
      const length = view.getUint32(next, true)
      if (length < HEADER || next + length > end) break
      this.#readOne(view, next, length - HEADER)
      next += aligned(length)
    }
  }

  #readOne(view: DataView, at: number, size: number): void {
    const { local } = this
    const level = view.getInt32(at + 8, true)
    const type = view.getInt32(at + 12, true)
    const data = at + HEADER
    if (level === SOL_IP && type === IP_PKTINFO && size >= IN_PKTINFO) {
      local[0] = view.getInt32(data + IN_PKTINFO_SOURCE, true)
      local[4] = view.getInt32(data, true)
    } else if (level === SOL_IPV6 && type === IPV6_PKTINFO && size >= IN6_PKTINFO) {
      for (let i = 0; i < LOCAL_WORDS; i++) local[i] = view.getInt32(data + i * 4, true)
    } else if (((level === SOL_IP && type === IP_TOS) || (level === SOL_IPV6 && type === IPV6_TCLASS)) && size >= 1) {
      // A byte for the one and an int for the other: little endian, the first byte is the value either way.
      this.trafficClass = view.getUint8(data)
    } else if (level === SOL_UDP && type === UDP_GRO && size >= 4) {
      this.segmentSize = Math.max(view.getInt32(data, true), 0)
    }
  }
}

// Each of these writes one control message at `at` and returns where the next one goes.

/** The bytes beyond the first `segment` are datagrams of their own, of the same size; at most the last is shorter. */
export function writeSegment(view: DataView, at: number, segment: number): number {
  writeHeader(view, at, SOL_UDP, UDP_SEGMENT, 2)
  view.setUint16(at + HEADER, segment, true)
  return at + SEGMENT_CONTROL
}

export function writeTrafficClass(view: DataView, at: number, family: 4 | 6, trafficClass: number): number {
  writeHeader(view, at, family === 4 ? SOL_IP : SOL_IPV6, family === 4 ? IP_TOS : IPV6_TCLASS, 4)
  view.setInt32(at + HEADER, trafficClass, true)
  return at + aligned(HEADER + 4)
}

/**
 * The interface is left to the routing table, as the kernel's own WireGuard leaves it, but for link-local addresses, which
 * mean nothing without one.
 */
export function writeSource(view: DataView, at: number, { family, words, isLinkLocal }: NativeLocal): number {
  const data = at + HEADER
  if (family === 4) {
    writeHeader(view, at, SOL_IP, IP_PKTINFO, IN_PKTINFO)
    view.setInt32(data, 0, true)
    view.setInt32(data + IN_PKTINFO_SOURCE, words[0] as number, true)
    view.setInt32(data + IN_PKTINFO_SOURCE + 4, 0, true)
    return at + aligned(HEADER + IN_PKTINFO)
  }
  writeHeader(view, at, SOL_IPV6, IPV6_PKTINFO, IN6_PKTINFO)
  for (let i = 0; i < 4; i++) view.setInt32(data + i * 4, words[i] as number, true)
  view.setInt32(data + IN6_PKTINFO_INTERFACE, isLinkLocal ? (words[4] as number) : 0, true)
  return at + aligned(HEADER + IN6_PKTINFO)
}

function writeHeader(view: DataView, at: number, level: number, type: number, size: number): void {
  view.setUint32(at, HEADER + size, true)
  view.setUint32(at + 4, 0, true)
  view.setInt32(at + 8, level, true)
  view.setInt32(at + 12, type, true)
}

function aligned(length: number): number {
  return (length + 7) & ~7
}
