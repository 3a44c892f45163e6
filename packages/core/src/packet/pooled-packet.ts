import { formatAddress } from '../ip/address.ts'
import type { LocalAddress } from '../ip/local-address.ts'
import { TCP, UDP } from '../ip/protocols.ts'
import { SocketAddress } from '../ip/socket-address.ts'
import type { Direction, Packet, PacketKind, Peer } from './packet.ts'

const nowhere = new SocketAddress(4, '0.0.0.0', 0)

/** Where packets go back to. */
export interface PacketHome {
  readonly memory: Uint8Array
  readonly view: DataView
  take(packet: PooledPacket): void
}

/**
 * The one class behind `Datagram`, `PeerPacket` and `IpPacket`: a packet changes its kind as it climbs the stack, and a
 * single hidden class keeps every access to it monomorphic. Layers see only the interface of the kind they were given.
 */
export class PooledPacket implements Packet {
  readonly memory: Uint8Array
  readonly view: DataView
  kind: PacketKind = 'datagram'
  offset = 0
  length = 0
  segmentSize = 0
  segmentHeader = 0
  direction: Direction = 'up'
  arrival = 0
  peer: Peer | undefined = undefined
  remote: SocketAddress = nowhere
  local: LocalAddress | undefined = undefined
  trafficClass = 0
  /** Filled by `parseIp`; see `IpPacket`. */
  version: 0 | 4 | 6 = 0
  protocol = 0
  transport = 0
  isFragment = false
  /** Bounds of the slot in `memory`. */
  readonly slotStart: number
  readonly slotEnd: number
  readonly #home: PacketHome
  #references = 0

  constructor(home: PacketHome, slotStart: number, slotEnd: number) {
    this.#home = home
    this.memory = home.memory
    this.view = home.view
    this.slotStart = slotStart
    this.slotEnd = slotEnd
  }

  get headroom(): number {
    return this.offset - this.slotStart
  }

  get tailroom(): number {
    return this.slotEnd - this.offset - this.length
  }

  get segments(): number {
    return this.segmentSize === 0 ? 1 : segmentsOf(this)
  }

  get sourcePort(): number {
    return this.transport === 0 ? 0 : portAt(this, 0)
  }

  get destinationPort(): number {
    return this.transport === 0 ? 0 : portAt(this, 2)
  }

  get source4(): number {
    return this.version === 4 ? this.view.getUint32(this.offset + 12) : 0
  }

  get destination4(): number {
    return this.version === 4 ? this.view.getUint32(this.offset + 16) : 0
  }

  get source(): string {
    return this.version === 4
      ? formatAddress(this.memory, this.offset + 12, 4)
      : formatAddress(this.memory, this.offset + 8, 6)
  }

  get destination(): string {
    return this.version === 4
      ? formatAddress(this.memory, this.offset + 16, 4)
      : formatAddress(this.memory, this.offset + 24, 6)
  }

  get hopLimit(): number {
    return this.memory[this.offset + (this.version === 4 ? 8 : 7)] as number
  }

  bytes(): Uint8Array {
    return this.memory.subarray(this.offset, this.offset + this.length)
  }

  // A retain too late or a release too many is a bug of the caller's; neither may hand the slot to two owners, so both
  // do nothing.

  retain(): void {
    if (this.#references > 0) this.#references++
  }

  release(): void {
    if (this.#references === 0) return
    if (--this.#references === 0) this.#home.take(this)
  }

  /** Made ready by the pool for a new owner. */
  reset(headroom: number): void {
    this.#references = 1
    this.kind = 'datagram'
    this.offset = this.slotStart + headroom
    this.length = 0
    this.segmentSize = 0
    this.segmentHeader = 0
    this.direction = 'up'
    this.arrival = 0
    this.peer = undefined
    this.remote = nowhere
    this.local = undefined
    this.trafficClass = 0
    this.version = 0
    this.protocol = 0
    this.transport = 0
    this.isFragment = false
  }
}

const DCCP = 33
const SCTP = 132
const UDP_LITE = 136

/** Apart from the getter, which is small enough to be inlined wherever it is used. */
function segmentsOf({ length, segmentHeader, segmentSize }: PooledPacket): number {
  return Math.max(Math.ceil((length - segmentHeader) / segmentSize), 1)
}

function portAt(packet: PooledPacket, at: number): number {
  const { protocol } = packet
  if (protocol !== TCP && protocol !== UDP && protocol !== SCTP && protocol !== DCCP && protocol !== UDP_LITE) return 0
  return packet.view.getUint16(packet.transport + at)
}
