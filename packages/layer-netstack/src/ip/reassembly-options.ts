import type { IpPacket, PacketPool, Random } from '@millrace/core'

/** Bounds of a `Reassembly`. */
export interface ReassemblyOptions {
  /** Most datagrams of which something is missing. Default 256. */
  readonly datagrams?: number
  /** Most of them of one peer. Default 64. */
  readonly datagramsPerPeer?: number
  /** Bytes of fragments held, 256 for each fragment besides. Default 4 MiB. */
  readonly bytes?: number
  /** Of one peer. Default 1 MiB. */
  readonly bytesPerPeer?: number
  /** From the first fragment that comes to the last, milliseconds. Default 30,000. */
  readonly lifetime?: number
}

export interface ReassemblySurroundings {
  /** Where whole datagrams are put. */
  readonly pool: PacketPool
  readonly random: Random
  /** {@link Clock.now}, milliseconds: no `now` to come is before it. */
  readonly now: number
  /** Counts fragments that were held and go no further. */
  drop(reason: string, packets: number): void
  /**
   * Time is over for a datagram whose first fragment has come: its sender may be told (time exceeded, code 1; RFC 792,
   * RFC 8200 §4.5). The packet is good until this returns.
   */
  timedOut?(first: IpPacket): void
}
