import type { Peer } from '@millrace/core'
import { decodePacket, icmpEcho, ipv4, LayerRig, type Transport, tcpSegment, udpSegment } from '@millrace/core/testing'
import type { NatEvent } from '../exhaustion.ts'
import { nat } from '../nat.ts'
import type { NatLayer } from '../nat-layer.ts'
import type { NatOptions } from '../options.ts'

/** Of the log. */
export interface Line {
  readonly time: string
  readonly event: string
  readonly peer: string
  readonly address: string
  readonly first: number
  readonly last: number
  readonly lines?: number
}
export type Kind = 'tcp' | 'udp' | 'icmp'

const transportOf = (kind: Kind, port: number): Transport => {
  if (kind === 'tcp') return tcpSegment({ sourcePort: port, destinationPort: 80, flags: 'SYN' })
  if (kind === 'udp') return udpSegment({ sourcePort: port, destinationPort: 53 })
  return icmpEcho({ type: 'request', identifier: port })
}
export const from = (host: number, kind: Kind, port: number, remote = 7): Uint8Array =>
  ipv4({ source: `10.0.0.${host}`, destination: `198.51.100.${remote}` }, transportOf(kind, port))

/** A NAT with port blocks. */
export class Blocks {
  readonly layer: NatLayer
  readonly rig: LayerRig
  readonly lines: Line[]
  readonly events: NatEvent[] = []

  private constructor(layer: NatLayer, rig: LayerRig, lines: Line[]) {
    this.layer = layer
    this.rig = rig
    this.lines = lines
    layer.events.subscribe((event) => this.events.push(event))
  }

  static async start(options: Partial<NatOptions> = {}, seed = 1): Promise<Blocks> {
    const lines: Line[] = []
    const portBlockLog = (line: string): number => lines.push(JSON.parse(line) as Line)
    const base = {
      address: '203.0.113.7',
      ports: [4000, 4031],
      portBlocks: { size: 8, perPeer: 2 },
      sessions: 512,
    } as const
    const layer = nat({ ...base, portBlockLog, ...options })
    return new Blocks(layer, await LayerRig.start(layer, { seed }), lines)
  }

  /** The outside port that a packet left under, or undefined. */
  send(bytes: Uint8Array, peer?: Peer): { address: string; port: number } | undefined {
    if (peer === undefined) this.rig.up(bytes)
    else this.rig.up({ bytes, peer })
    const sent = this.rig.take().find(({ direction }) => direction === 'up')
    if (sent === undefined) return undefined
    const { source, sourcePort, identifier } = decodePacket(sent.bytes)
    return { address: source, port: (sourcePort ?? identifier) as number }
  }

  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const samples = this.layer.metrics().find((metric) => metric.name === name)?.samples ?? []
    return samples.find((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))?.value
  }
}

/** The number of a port's block. */
export const blockOf = (port: number, size = 8, first = 4000): number => Math.floor((port - first) / size)
