import { MAXIMUM_PACKET, type PacketPool, type PooledPacket, TAILROOM } from '@millrace/core'
import type { SystemCalls } from '@millrace/native'
import type { TunHandle } from './handle.ts'
import { VIRTIO_HEADER } from './virtio-header.ts'

/** struct iovec { void *base; size_t length }, bytes. */
const VECTOR = 16

/**
 * The reading side of one queue of a TUN device. It has two packets in hand, of a small slot and of a jumbo one: what fits
 * into the small one is read in place, of what does not only the front is copied, the rest has landed where it is to be.
 */
export class TunInput {
  readonly #system: SystemCalls
  readonly #fd: number
  readonly #pool: PacketPool
  /** Bytes that the kernel puts before each packet; they land in the headroom. */
  readonly #header: number
  readonly #base: number
  readonly #spill = new Uint8Array(MAXIMUM_PACKET)
  readonly #spillAddress: number
  readonly #vectors = new DataView(new ArrayBuffer(2 * VECTOR))
  readonly #vectorsAddress: number
  #small: PooledPacket | undefined
  #large: PooledPacket | undefined
  /** Bytes of a packet that the small one takes. */
  #room = 0

  constructor(system: SystemCalls, pool: PacketPool, handle: Pick<TunHandle, 'fd' | 'hasHeader'>) {
    this.#system = system
    this.#pool = pool
    this.#fd = handle.fd
    this.#header = handle.hasHeader ? VIRTIO_HEADER : 0
    this.#base = system.addressOf(pool.memory)
    this.#spillAddress = system.addressOf(this.#spill)
    this.#vectorsAddress = system.addressOf(new Uint8Array(this.#vectors.buffer))
  }

  /** Takes in hand what is not, from the pool. False while the pool does not give both. */
  acquire(): boolean {
    if (this.#small === undefined) {
      this.#small = this.#pool.acquire(1)
      if (this.#small !== undefined) this.#aim(this.#small)
    }
    if (this.#large === undefined) {
      this.#large = this.#pool.acquire(MAXIMUM_PACKET)
      this.#aimTail()
    }
    return this.#small !== undefined && this.#large !== undefined
  }

  /** Whether there is a packet in hand to read into. */
  get ready(): boolean {
    return this.#small !== undefined
  }

  /**
   * Reads one packet. Returns its length, or a negated errno: `EAGAIN` when there is none. It is to be `take`n before the
   * next, or is lost.
   */
  read(): number {
    const result =
      this.#small === undefined
        ? this.#system.read(this.#fd, this.#spillAddress, MAXIMUM_PACKET)
        : this.#system.readv(this.#fd, this.#vectorsAddress, 2)
    return result < 0 ? result : Math.min(Math.max(result - this.#header, 0), MAXIMUM_PACKET)
  }

  /** The packet of `length` bytes just read, the caller's from now on; undefined when the pool had no room for it. */
  take(length: number): PooledPacket | undefined {
    const [small, large] = [this.#small, this.#large]
    if (small === undefined) return undefined
    if (length <= this.#room) {
      this.#small = undefined
      small.length = length
      return small
    }
    if (large === undefined) return undefined
    const from = small.offset - this.#header
    large.memory.copyWithin(large.offset - this.#header, from, small.offset + this.#room)
    large.length = length
    this.#large = undefined
    return large
  }

  /** Gives back what is in hand. */
  release(): void {
    this.#small?.release()
    this.#large?.release()
    this.#small = undefined
    this.#large = undefined
  }

  #aim(small: PooledPacket): void {
    const header = this.#header
    this.#room = Math.min(small.tailroom - TAILROOM, MAXIMUM_PACKET)
    this.#point(0, this.#base + small.offset - header, this.#room + header)
    this.#aimTail()
  }

  /** Without a jumbo packet the rest is read too, and lost: what is cut short is not to look like a whole packet. */
  #aimTail(): void {
    const large = this.#large
    const address = large === undefined ? this.#spillAddress : this.#base + large.offset + this.#room
    this.#point(1, address, MAXIMUM_PACKET - this.#room)
  }

  #point(vector: number, address: number, size: number): void {
    const at = vector * VECTOR
    this.#vectors.setUint32(at, address >>> 0, true)
    this.#vectors.setUint32(at + 4, address / 0x1_0000_0000, true)
    this.#vectors.setUint32(at + 8, size, true)
  }
}
