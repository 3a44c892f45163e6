import { type IpPacket, MAXIMUM_PACKET, type PacketPool } from '@millrace/core'
import { Errno, type SystemCalls } from '@millrace/native'
import { describeSuperPacket } from './describe.ts'
import type { TunHandle } from './handle.ts'
import type { TunOffload } from './offload.ts'
import { TCP } from './transport-header.ts'
import { VIRTIO_HEADER, VirtioHeader } from './virtio-header.ts'

/** Takes a super-packet that the device does not, apart. Returns the reason for a drop, or undefined. */
export type Cut = (packet: IpPacket) => string | undefined

/** The writing side of one queue of a TUN device. It writes packets out of where they lie, without a copy. */
export class TunOutput {
  readonly #system: SystemCalls
  readonly #fd: number
  readonly #hasHeader: boolean
  readonly #offload: TunOffload
  readonly #cut: Cut
  readonly #memory: Uint8Array
  readonly #base: number
  readonly #header: VirtioHeader
  /** For a packet that has no room for the header before it. */
  readonly #aside = new Uint8Array(VIRTIO_HEADER + MAXIMUM_PACKET)
  readonly #asideAddress: number
  readonly #asideHeader = new VirtioHeader(new DataView(this.#aside.buffer))

  constructor(
    system: SystemCalls,
    pool: PacketPool,
    handle: Pick<TunHandle, 'fd' | 'hasHeader'>,
    offload: TunOffload,
    cut: Cut,
  ) {
    this.#system = system
    this.#fd = handle.fd
    this.#hasHeader = handle.hasHeader
    this.#offload = offload
    this.#cut = cut
    this.#memory = pool.memory
    this.#base = system.addressOf(pool.memory)
    this.#header = new VirtioHeader(pool.view)
    this.#asideAddress = system.addressOf(this.#aside)
  }

  /** Returns the reason for a drop, or undefined when the kernel has taken the packet. */
  write(packet: IpPacket): string | undefined {
    // The kernel reads where we point: a packet that a layer has moved out of its slot must not show it other memory.
    const { length } = packet
    const inside = packet.memory === this.#memory && packet.headroom >= 0 && packet.tailroom >= 0
    if (!inside || !(length > 0 && length <= MAXIMUM_PACKET)) return 'packet-out-of-bounds'
    if (packet.segmentSize !== 0) return this.#writeSegments(packet)
    if (!this.#hasHeader) return reasonOf(this.#send(packet, 0))
    const header = this.#headerOf(packet)
    header.clear()
    return reasonOf(this.#sendBehind(header, packet))
  }

  #writeSegments(packet: IpPacket): string | undefined {
    const isTcp = packet.protocol === TCP
    if (!(isTcp ? this.#offload.tcp : this.#offload.udp)) return this.#cut(packet)
    const header = this.#headerOf(packet)
    const reason = describeSuperPacket(packet, header)
    if (reason !== undefined) return reason
    const result = this.#sendBehind(header, packet)
    if (result !== -Errno.EINVAL) return reasonOf(result)
    this.#offload.refused(isTcp)
    return this.#cut(packet)
  }

  #headerOf(packet: IpPacket): VirtioHeader {
    if (packet.headroom < VIRTIO_HEADER) return this.#asideHeader
    this.#header.at = packet.offset - VIRTIO_HEADER
    return this.#header
  }

  #sendBehind(header: VirtioHeader, packet: IpPacket): number {
    if (header === this.#header) return this.#send(packet, VIRTIO_HEADER)
    const { memory, offset, length } = packet
    this.#aside.set(memory.subarray(offset, offset + length), VIRTIO_HEADER)
    return this.#system.write(this.#fd, this.#asideAddress, VIRTIO_HEADER + length)
  }

  #send(packet: IpPacket, before: number): number {
    return this.#system.write(this.#fd, this.#base + packet.offset - before, before + packet.length)
  }
}

function reasonOf(result: number): string | undefined {
  if (result >= 0) return undefined
  switch (-result) {
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
