import { asIpPacket, type IpPacket, PacketPool, type Peer, type PoolOptions, parseIp } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { IcmpErrors, type IcmpErrorsOptions } from '../icmp/icmp-errors.ts'
import type { Outbox } from '../ip/outbox.ts'
import type { StackSurroundings } from '../surroundings.ts'

export interface Arrival {
  readonly peer?: Peer | undefined
  readonly segmentSize?: number
  readonly segmentHeader?: number
}

export interface DeskOptions extends PoolOptions {
  readonly seed?: number
  readonly errors?: IcmpErrorsOptions
}

/** What a part of a stack stands on in a test: packet memory, and an outbox to look into. */
export class PacketDesk {
  readonly pool: PacketPool
  readonly surroundings: StackSurroundings
  /** Sent and not looked at yet. */
  readonly sent: IpPacket[] = []

  constructor({ seed = 1, errors = {}, ...pool }: DeskOptions = {}) {
    this.pool = new PacketPool({ slots: 256, jumboSlots: 4, ...pool })
    const outbox: Outbox = {
      acquire: (size) => this.pool.acquire(size),
      push: (packet) => void this.sent.push(packet),
    }
    this.surroundings = {
      outbox,
      sums: this.pool.sums,
      random: new SeededRandom(seed),
      now: 0,
      errors: new IcmpErrors(errors, outbox),
    }
  }

  /** Has `receive` take a packet of these bytes, which is released afterwards. Bytes that do not parse give their reason. */
  deliver<T>(bytes: Uint8Array, receive: (packet: IpPacket) => T, arrival: Arrival = {}): T | string | undefined {
    const packet = this.pool.acquire(bytes.length)
    if (packet === undefined) throw new Error('the pool is large enough for the test')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    packet.peer = arrival.peer
    packet.segmentSize = arrival.segmentSize ?? 0
    packet.segmentHeader = arrival.segmentHeader ?? 0
    const result = parseIp(packet) ?? receive(asIpPacket(packet))
    packet.release()
    return result
  }

  /** The bytes of what has been sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0).map((packet) => {
      const bytes = packet.bytes().slice()
      packet.release()
      return bytes
    })
  }
}
