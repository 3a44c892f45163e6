import type { IpPacket, PooledPacket } from '@millrace/core'

/** Where packets to be sent go: a `Burst`, for one. */
export interface Outbox {
  /** An empty packet with room for `size` bytes, or undefined when there is none just now. */
  acquire(size: number): PooledPacket | undefined
  /** Takes the packet over. */
  push(packet: IpPacket): void
}
