import type { Context, DuplexLayer, Service } from '../contract/index.ts'
import { Batch } from '../packet/batch.ts'
import type { Direction, IpPacket, Peer } from '../packet/packet.ts'
import { PacketPool } from '../packet/pool.ts'
import { bind, CLOCK, RANDOM, runtimeWith } from '../runtime/runtime.ts'
import { rootContext } from '../stack/scope.ts'
import { pooledPacket } from './packets.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A packet that came out of the layer under test. */
export interface RigOutput {
  readonly direction: Direction
  readonly bytes: Uint8Array
}

export interface LayerRigOptions {
  /** Of the randomness that the layer gets. */
  readonly seed?: number
  readonly pool?: PacketPool
}

/**
 * One duplex layer over IP packets, alone, with a clock to turn: what goes in on one side comes out as bytes, and every
 * drop by its name.
 *
 *     const rig = await LayerRig.start(nat({ address: '203.0.113.7' }))
 *     rig.up(ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, udpSegment({ sourcePort: 5000, destinationPort: 53 })))
 *     summarize(decodePacket(rig.take()[0].bytes))
 */
export class LayerRig {
  readonly clock: VirtualClock = new VirtualClock()
  readonly pool: PacketPool
  /** Drops so far, inside of batches and outside. */
  readonly drops: Map<string, number> = new Map()
  readonly #layer: DuplexLayer<IpPacket>
  readonly #up: Service<IpPacket>
  readonly #down: Service<IpPacket>
  readonly #counter = { count: (reason: string, packets: number) => this.#count(reason, packets) }
  readonly #context: Context
  #output: RigOutput[] = []

  private constructor(
    layer: DuplexLayer<IpPacket>,
    { seed = 1, pool = new PacketPool({ slots: 256 }) }: LayerRigOptions,
  ) {
    this.pool = pool
    this.#layer = layer
    // In the order a stack wires them.
    this.#down = layer.down.layer(this.#sink('down'))
    this.#up = layer.up.layer(this.#sink('up'))
    const runtime = runtimeWith(bind(CLOCK, this.clock), bind(RANDOM, new SeededRandom(seed)))
    this.#context = {
      ...rootContext(runtime, pool, new AbortController().signal),
      drop: (reason, packets = 1) => this.#count(reason, packets),
    }
  }

  static async start(layer: DuplexLayer<IpPacket>, options: LayerRigOptions = {}): Promise<LayerRig> {
    const rig = new LayerRig(layer, options)
    await layer.start?.(rig.#context)
    return rig
  }

  async stop(): Promise<void> {
    await this.#layer.stop?.()
  }

  /** Serves packets from the wire, as one batch; they arrive now. */
  up(...packets: readonly (Uint8Array | { bytes: Uint8Array; peer: Peer })[]): void {
    this.#serve(this.#up, 'up', packets)
  }

  /** Serves packets from the host, as one batch; they arrive now. */
  down(...packets: readonly (Uint8Array | { bytes: Uint8Array; peer: Peer })[]): void {
    this.#serve(this.#down, 'down', packets)
  }

  /** What has come out since the last call, in order. */
  take(): readonly RigOutput[] {
    const output = this.#output
    this.#output = []
    return output
  }

  #serve(
    service: Service<IpPacket>,
    direction: Direction,
    packets: readonly (Uint8Array | { bytes: Uint8Array; peer: Peer })[],
  ): void {
    const batch = new Batch<IpPacket>()
    batch.drops = this.#counter
    const arrival = this.clock.now()
    const held = packets.map((entry) =>
      entry instanceof Uint8Array
        ? pooledPacket(this.pool, entry, { direction, arrival })
        : pooledPacket(this.pool, entry.bytes, { direction, arrival, peer: entry.peer }),
    )
    for (const packet of held) batch.push(packet)
    try {
      service.serve(batch)
    } finally {
      for (const packet of held) packet.release()
    }
  }

  #sink(direction: Direction): Service<IpPacket> {
    return {
      serve: (batch) => {
        for (const packet of batch) this.#output.push({ direction, bytes: packet.bytes().slice() })
      },
    }
  }

  #count(reason: string, packets: number): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + packets)
  }
}
