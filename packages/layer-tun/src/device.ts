import { MAXIMUM_PACKET, type Packet, type PacketPool, TAILROOM } from '@millrace/core'
import { Errno, type SystemCalls } from '@millrace/native'

/** struct iovec { void *base; size_t length }, bytes. */
const VECTOR = 16

/** One queue of a TUN device. It reads into packets and writes out of them where they lie, without a copy. */
export class TunDevice {
  readonly fd: number
  readonly #system: SystemCalls
  readonly #memory: Uint8Array
  readonly #base: number
  readonly #spill = new Uint8Array(MAXIMUM_PACKET)
  readonly #spillAddress: number
  readonly #vectors = new DataView(new ArrayBuffer(2 * VECTOR))
  readonly #vectorsAddress: number

  constructor(system: SystemCalls, pool: PacketPool, fd: number) {
    this.#system = system
    this.#memory = pool.memory
    this.#base = system.addressOf(pool.memory)
    this.#spillAddress = system.addressOf(this.#spill)
    this.#vectorsAddress = system.addressOf(new Uint8Array(this.#vectors.buffer))
    this.#point(1, this.#spillAddress, MAXIMUM_PACKET)
    this.fd = fd
  }

  /**
   * Reads one packet and sets its length. Returns the length, or a negated errno: `EAGAIN` when there is none. A result
   * above `packet.length` means that it did not fit; see `moveTo`.
   */
  read(packet: Packet): number {
    const room = Math.min(packet.tailroom + packet.length - TAILROOM, MAXIMUM_PACKET)
    this.#point(0, this.#base + packet.offset, room)
    const length = this.#system.readv(this.fd, this.#vectorsAddress, 2)
    packet.length = Math.min(Math.max(length, 0), room)
    return length
  }

  /** Puts a packet of `length` bytes, which did not fit into `packet` when it was just read, together in a larger one. */
  moveTo(larger: Packet, packet: Packet, length: number): void {
    const { memory, offset } = larger
    memory.set(packet.memory.subarray(packet.offset, packet.offset + packet.length), offset)
    memory.set(this.#spill.subarray(0, length - packet.length), offset + packet.length)
    larger.length = length
  }

  /** Reads one packet and forgets it. */
  discard(): number {
    return this.#system.read(this.fd, this.#spillAddress, MAXIMUM_PACKET)
  }

  /** Returns the reason for a drop, or undefined when the kernel has taken the packet. */
  write(packet: Packet): string | undefined {
    // The kernel reads where we point: a packet that a layer has moved out of its slot must not show it other memory.
    const inside = packet.memory === this.#memory && packet.length > 0 && packet.headroom >= 0 && packet.tailroom >= 0
    if (!inside) return 'packet-out-of-bounds'
    if (packet.segmentSize !== 0) return 'super-packet-unsupported'
    const result = this.#system.write(this.fd, this.#base + packet.offset, packet.length)
    return result < 0 ? writeReason(-result) : undefined
  }

  #point(vector: number, address: number, size: number): void {
    const at = vector * VECTOR
    this.#vectors.setUint32(at, address >>> 0, true)
    this.#vectors.setUint32(at + 4, address / 0x1_0000_0000, true)
    this.#vectors.setUint32(at + 8, size, true)
  }
}

function writeReason(errno: number): string {
  switch (errno) {
    case Errno.EAGAIN:
    case Errno.ENOBUFS:
    case Errno.ENOMEM:
      return 'tun-queue-full'
    case Errno.EINVAL:
      return 'tun-refused'
    case Errno.EIO:
      return 'tun-down'
    case Errno.EBADFD:
      return 'tun-gone'
    default:
      return 'tun-write-failed'
  }
}
