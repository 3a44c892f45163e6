import type { IpPacket, Peer } from '@millrace/core'
import { decodePacket, udpSegment } from '@millrace/core/testing'
import { Reassembly } from '../ip/reassembly.ts'
import type { ReassemblyOptions } from '../ip/reassembly-options.ts'
import { PacketDesk } from './packet-desk.ts'
import { data, up } from './packets.ts'

const ports = { sourcePort: 5000, destinationPort: 53 }
/** With so many bytes of data. */
export function datagram(family: 4 | 6, length: number, seed = 1): Uint8Array {
  return up(family, udpSegment(ports, data(length, seed)))
}

/** A reassembly, and what comes of it. */
export class ReassemblyBench extends PacketDesk {
  readonly reassembly: Reassembly
  readonly drops: Record<string, number> = {}
  readonly timedOut: Uint8Array[] = []
  now = 0

  constructor(options: ReassemblyOptions = {}, jumboSlots = 4) {
    super({ slots: 64, jumboSlots })
    this.reassembly = new Reassembly(options, {
      pool: this.pool,
      random: this.surroundings.random,
      now: 0,
      drop: (reason, packets) => {
        this.drops[reason] = (this.drops[reason] ?? 0) + packets
      },
      timedOut: (first) => void this.timedOut.push(first.bytes().slice()),
    })
  }

  /** The reason, `held`, or the bytes of the whole datagram. */
  give(bytes: Uint8Array, peer?: Peer): string | Uint8Array {
    const result = this.deliver(
      bytes,
      (packet) => {
        const whole = this.reassembly.receive(packet, this.now)
        return typeof whole === 'object' ? this.#take(whole, peer) : whole
      },
      { peer },
    )
    return result ?? 'held'
  }

  giveAll(fragments: readonly Uint8Array[], peer?: Peer): (string | Uint8Array)[] {
    return fragments.map((bytes) => this.give(bytes, peer))
  }

  #take(whole: IpPacket, peer: Peer | undefined): Uint8Array {
    if (whole.isFragment || whole.peer !== peer) throw new Error('what is whole is no fragment, and of the same peer')
    const bytes = whole.bytes().slice()
    whole.release()
    return bytes
  }
}

/** What a datagram says, whatever its identification, which is all that cutting may change. */
export function contentOf(bytes: string | Uint8Array | undefined): object {
  if (typeof bytes !== 'object') return { notWhole: bytes }
  return { ...decodePacket(bytes), id: 0 }
}
