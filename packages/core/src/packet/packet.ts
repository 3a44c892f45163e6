import type { LocalAddress } from '../ip/local-address.ts'
import type { SocketAddress } from '../ip/socket-address.ts'

/** `up`: from the wire to the host. `down`: from the host to the wire. */
export type Direction = 'up' | 'down'

/** What every layer may know of the other end of a tunnel. */
export interface Peer {
  /** A friendly name if one was given, else a short form of the public key. */
  readonly name: string
}

/**
 * A view on the one packet memory of a data path. The bytes are `memory[offset, offset + length)`; `headroom` bytes
 * before them and `tailroom` bytes after them may be written, so that headers go on and off without a copy.
 *
 * Ownership: whoever acquired a packet from the pool releases it, after `serve` has returned. While `serve` runs the
 * callee may change the bytes, `offset` and `length`. To keep a packet longer, `retain` it and `release` it later.
 */
export interface Packet {
  readonly kind: PacketKind
  readonly memory: Uint8Array
  /** Big-endian reads and writes over the same bytes as `memory`. */
  readonly view: DataView
  offset: number
  length: number
  readonly headroom: number
  readonly tailroom: number
  /**
   * Payload bytes of each segment if this is a super-packet (the last may be shorter), else 0. The transport checksum of
   * an IP super-packet stands for nothing: each segment gets its own where it is cut, and the host end asks for it.
   */
  segmentSize: number
  /** Bytes at the front that every segment repeats: the IP and transport headers of an IP super-packet; 0 in all others. */
  segmentHeader: number
  /** How many packets this counts for: 1, or the segments of a super-packet. */
  readonly segments: number
  /** Which way it goes. Set by every edge that it passes, so nobody else has to. */
  direction: Direction
  /** {@link Clock.now} when it came in, milliseconds. */
  arrival: number
  peer: Peer | undefined
  retain(): void
  release(): void
  /** A view of the bytes, good until the packet is released. It allocates: not for hot paths. */
  bytes(): Uint8Array
}

export type PacketKind = 'datagram' | 'peer' | 'ip'

/** A UDP payload and whom it came from or goes to. */
export interface Datagram extends Packet {
  readonly kind: 'datagram'
  remote: SocketAddress
  /**
   * Where it came in, or the source it is to be sent from; undefined where the wire does not know, and when the system may
   * choose. One that is no longer `usable` counts as undefined.
   */
  local: LocalAddress | undefined
  /** The octet of the IP header that has DSCP and ECN (RFC 2474, RFC 3168); 0 where the wire cannot tell or set it. */
  trafficClass: number
}

/** What a peer sent, authenticated but not yet looked at (up), or is to be sent (down). */
export interface PeerPacket extends Packet {
  readonly kind: 'peer'
  peer: Peer
}

/**
 * An IPv4 or IPv6 packet whose header has been checked once ({@link parseIp}). The accessors below read the bytes and
 * allocate nothing, but for `source` and `destination`, which make strings.
 */
export interface IpPacket extends Packet {
  readonly kind: 'ip'
  readonly version: 4 | 6
  /** The transport protocol (IANA number), behind any IPv6 extension headers. */
  readonly protocol: number
  /** Where the transport header begins in `memory`; 0 in a fragment that is not the first, or when it is cut short. */
  readonly transport: number
  /** True for every fragment, the first included. */
  readonly isFragment: boolean
  /** TCP, UDP, UDP-Lite, DCCP or SCTP port; 0 when there is none. */
  readonly sourcePort: number
  readonly destinationPort: number
  /** IPv4 address as an unsigned 32-bit number; 0 in an IPv6 packet. */
  readonly source4: number
  readonly destination4: number
  /** Text form. Allocates. */
  readonly source: string
  readonly destination: string
  /** TTL or hop limit. */
  readonly hopLimit: number
}
