import { decodePacket, icmpError, ipv4, LayerRig, tcpSegment } from '@millrace/core/testing'
import { nat } from '../nat.ts'
import type { NatLayer } from '../nat-layer.ts'
import type { NatOptions } from '../options.ts'

export const CLIENT = '10.0.0.2'
export const SERVER = '198.51.100.7'
export const NAT = '203.0.113.7'

/** One connection through a NAT, with sequence numbers: the client begins at 1000, the server at 5000. */
export class Conversation {
  readonly rig: LayerRig
  #port = 0

  private constructor(rig: LayerRig) {
    this.rig = rig
  }

  static async begin(options: Partial<NatOptions> = {}): Promise<Conversation> {
    return Conversation.through(nat({ address: NAT, ...options }))
  }

  static async through(layer: NatLayer): Promise<Conversation> {
    return new Conversation(await LayerRig.start(layer))
  }

  /** Sends a segment and tells whether it came out. `data` is bytes of payload. */
  up(flags: string, sequence: number, acknowledgment: number, rest: Rest = {}): boolean {
    const fields = { window: 1000, ...rest, sourcePort: 1234, destinationPort: 80, flags, sequence, acknowledgment }
    this.rig.up(ipv4({ source: CLIENT, destination: SERVER }, tcpSegment(fields, new Uint8Array(rest.data ?? 0))))
    const [sent] = this.rig.take()
    if (sent !== undefined && sent.direction === 'up') this.#port = decodePacket(sent.bytes).sourcePort as number
    return sent?.direction === 'up'
  }

  down(flags: string, sequence: number, acknowledgment: number, rest: Rest = {}): boolean {
    const fields = {
      window: 1000,
      ...rest,
      sourcePort: 80,
      destinationPort: this.#port,
      flags,
      sequence,
      acknowledgment,
    }
    this.rig.down(ipv4({ source: SERVER, destination: NAT }, tcpSegment(fields, new Uint8Array(rest.data ?? 0))))
    return this.rig.take().length === 1
  }

  handshake(options: Uint8Array = new Uint8Array()): this {
    this.up('SYN', 1000, 0, { options })
    this.down('SYN ACK', 5000, 1001, { options })
    this.up('ACK', 1001, 5001)
    this.down('ACK', 5001, 1001)
    return this
  }

  /** A router outside complains about a segment of the client's. */
  tooBig(sequence: number): boolean {
    const fields = { sourcePort: this.#port, destinationPort: 80, sequence, acknowledgment: 5001 }
    const quote = ipv4({ source: NAT, destination: SERVER }, tcpSegment(fields))
    this.rig.down(ipv4({ source: '192.0.2.9', destination: NAT }, icmpError({ type: 3, code: 4, rest: 1280 }, quote)))
    return this.rig.take().length === 1
  }

  /** Whether the server still reaches the client after so many seconds. */
  livesFor(seconds: number): boolean {
    this.rig.clock.advance(seconds * 1000)
    return this.down('ACK', 5001, 1001)
  }
}

interface Rest {
  readonly window?: number
  readonly options?: Uint8Array
  readonly data?: number
}
