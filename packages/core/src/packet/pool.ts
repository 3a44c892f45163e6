import { memoryWithSums, type OnesComplement } from '../ip/ones-complement.ts'
import type { Datagram, IpPacket, Packet, PeerPacket } from './packet.ts'
import { type PacketHome, PooledPacket } from './pooled-packet.ts'

/** The largest IP packet or UDP datagram there is, bytes. */
export const MAXIMUM_PACKET = 65_535
/** Room kept before a packet for headers to come (WireGuard 16, virtio 12, a zero block for the cipher 64), bytes. */
export const HEADROOM = 128
/** Room kept behind a packet for padding and authentication tag, bytes. */
export const TAILROOM = 64

const SLOT = 2048
const JUMBO_SLOT = 67_584

/** Bounds of a {@link PacketPool}, in slots. */
export interface PoolOptions {
  /** Slots of 2 KiB, for packets of up to 1,856 bytes. Default 4,096 (8 MiB). */
  readonly slots?: number
  /** Slots of 66 KiB, for everything larger, super-packets above all. Default 128 (8.3 MiB). */
  readonly jumboSlots?: number
}

/**
 * The packet memory of one data path: one ArrayBuffer (that of a WebAssembly.Memory where there is one), cut into slots of
 * two sizes, and a packet object for each slot made once. It never grows: `acquire` returns undefined when it is empty,
 * and the caller counts a drop.
 */
export class PacketPool {
  readonly memory: Uint8Array
  readonly view: DataView
  /** One's complement sums over this memory. */
  readonly sums: OnesComplement
  readonly capacity: number
  readonly #slots: PooledPacket[] = []
  readonly #jumboSlots: PooledPacket[] = []

  constructor({ slots = 4096, jumboSlots = 128 }: PoolOptions = {}) {
    this.sums = memoryWithSums(slots * SLOT + jumboSlots * JUMBO_SLOT)
    this.view = this.sums.view
    this.memory = new Uint8Array(this.view.buffer, 0, this.view.byteLength)
    this.capacity = slots + jumboSlots
    const home: PacketHome = { memory: this.memory, view: this.view, take: (packet) => this.#take(packet) }
    for (let i = slots - 1; i >= 0; i--) this.#slots.push(new PooledPacket(home, i * SLOT, (i + 1) * SLOT))
    const base = slots * SLOT
    for (let i = jumboSlots - 1; i >= 0; i--) {
      this.#jumboSlots.push(new PooledPacket(home, base + i * JUMBO_SLOT, base + (i + 1) * JUMBO_SLOT))
    }
  }

  /** Slots now held by somebody. 0 on a quiet stack: anything else is a leak. */
  get inUse(): number {
    return this.capacity - this.#slots.length - this.#jumboSlots.length
  }

  /**
   * An empty packet, held once by the caller, with {@link HEADROOM} before it and room for `size` bytes and
   * {@link TAILROOM} behind; undefined when the pool is empty or `size` is above {@link MAXIMUM_PACKET}.
   */
  acquire(size: number): PooledPacket | undefined {
    if (size > MAXIMUM_PACKET) return undefined
    const small = size <= SLOT - HEADROOM - TAILROOM ? this.#slots.pop() : undefined
    const packet = small ?? this.#jumboSlots.pop()
    packet?.reset(HEADROOM)
    return packet
  }

  /**
   * A copy of `packet`, held by the caller, with room for `room` bytes, at least the packet's own; undefined when the pool
   * is empty. A packet of another pool may be copied too.
   */
  copy<P extends Datagram | PeerPacket | IpPacket>(packet: P, room: number = packet.length): P | undefined {
    const copy = this.acquire(room)
    if (copy === undefined) return undefined
    const from = packet as Packet as PooledPacket
    if (from.memory === this.memory) this.memory.copyWithin(copy.offset, from.offset, from.offset + from.length)
    else copy.memory.set(from.memory.subarray(from.offset, from.offset + from.length), copy.offset)
    copy.length = from.length
    copy.kind = from.kind
    copy.segmentSize = from.segmentSize
    copy.segmentHeader = from.segmentHeader
    copy.direction = from.direction
    copy.arrival = from.arrival
    copy.peer = from.peer
    copy.remote = from.remote
    copy.local = from.local
    copy.trafficClass = from.trafficClass
    copy.version = from.version
    copy.protocol = from.protocol
    copy.transport = from.transport === 0 ? 0 : from.transport - from.offset + copy.offset
    copy.isFragment = from.isFragment
    return copy as Packet as P
  }

  #take(packet: PooledPacket): void {
    if (packet.slotEnd - packet.slotStart === SLOT) this.#slots.push(packet)
    else this.#jumboSlots.push(packet)
  }
}
