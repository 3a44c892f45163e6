import type { LocalAddress } from '@millrace/core'
import { Errno } from '@millrace/native'
import type { NativeAddress, NativeLocal } from './addresses.ts'

/** What every kernel takes in one train (UDP_MAX_SEGMENTS), and the bytes of datagrams that one IP packet has room for. */
const TRAIN_SEGMENTS = 64
const TRAIN_SIZE_IPV4 = 65_507
const TRAIN_SIZE_IPV6 = 65_487

/** One message of a call: a datagram, or several of equal size (but for the last) from one source to one destination. */
export class Train {
  remote: NativeAddress | undefined = undefined
  local: LocalAddress | undefined = undefined
  source: NativeLocal | undefined = undefined
  trafficClass = 0
  /** Bytes of each datagram but the last. */
  segment = 0
  segments = 0
  /** Bytes that may still be added; 0 once its last datagram is in. */
  room = 0
  /** Which vectors of the block point to its bytes. */
  firstVector = 0
  vectors = 0
  /** Among its control messages: where the source stands, which is the last of them, and where they end. */
  sourceAt = 0
  controlEnd = 0

  /** `size` bytes are at its end now. */
  add(size: number): void {
    this.vectors++
    this.segments += Math.max(Math.ceil(size / this.segment), 1)
    this.room = size > 0 && size % this.segment === 0 ? this.room - size : 0
  }

  /** Whether datagrams of `segment` bytes, `size` in all, may follow, or the first of them. */
  takes(segment: number, size: number): boolean {
    if (this.room === 0) return false
    const asLast = size <= segment && size < this.segment && size > 0
    return segment === this.segment || asLast
  }
}

/** How many datagrams of that size go to `remote` as one train. */
export function mostSegments(remote: NativeAddress, segment: number): number {
  const size = remote.family === 4 ? TRAIN_SIZE_IPV4 : TRAIN_SIZE_IPV6
  return Math.min(Math.max(Math.floor(size / segment), 1), TRAIN_SEGMENTS)
}

/** Whether a message that failed so may go without its source. */
export function mayBeTheSource(result: number): boolean {
  return (
    result === -Errno.EINVAL ||
    result === -Errno.EADDRNOTAVAIL ||
    result === -Errno.ENETUNREACH ||
    result === -Errno.EHOSTUNREACH ||
    result === -Errno.ENODEV
  )
}

/** Whether the datagrams of a train that failed so may go one by one. */
export function mayBeTheTrain(result: number): boolean {
  return result === -Errno.EIO || result === -Errno.EINVAL || result === -Errno.EMSGSIZE
}
