import {
  bind,
  CLOCK,
  type Context,
  type PeerPacket,
  type PoolOptions,
  parseAddress,
  parseSocketAddress,
  RANDOM,
  type RunningStack,
  runtimeWith,
  type Service,
  stack,
} from '@millrace/core'
import { ipv4, MemoryHost, payload, SeededRandom, type SimulatedUdp, type VirtualClock } from '@millrace/core/testing'
import {
  ALLOWED_IPS,
  type AllowedIpTable,
  allowedIps,
  type PeerOptions,
  type PeerState,
  type WireguardEvent,
  type WireguardLayer,
  wireguard,
} from '@millrace/layer-wireguard'

const HEADER = 20
/** An IP protocol for experiments (RFC 3692): a packet of nothing but a header and our bytes. */
const EXPERIMENT = 253

export interface EndOptions {
  readonly privateKey?: string
  /** What this end knows of the other, besides its public key and its inner address. `false`: nothing at all. */
  readonly peer?: Partial<PeerOptions> | false
  readonly mtu?: number
  readonly pool?: PoolOptions
}

/** {@link EndOptions} and what the tunnel gives each of its ends. */
export interface EndSetup extends EndOptions {
  readonly clock: VirtualClock
  readonly seed: number
  readonly privateKey: string
  readonly wire: SimulatedUdp
  readonly address: string
  readonly other: string
  /** Where the other end is on the wire. */
  readonly otherWire: string
  readonly known: PeerOptions
}

/** One end of a {@link Tunnel}: the stack, its host, and what came of it. */
export class End {
  readonly wire: SimulatedUdp
  readonly layer: WireguardLayer
  /** Texts that reached the host. */
  readonly received: string[] = []
  /** `12.5 session-up b`, time in seconds. */
  readonly events: string[] = []
  /** The same as they are. */
  readonly rawEvents: WireguardEvent[] = []
  readonly #setup: EndSetup
  readonly #host: MemoryHost
  #table: AllowedIpTable | undefined
  #running: RunningStack | undefined

  constructor(setup: EndSetup) {
    const { clock, privateKey, peer = {}, mtu, known, wire } = setup
    this.#setup = setup
    this.wire = wire
    const peers = peer === false ? [] : [{ ...known, ...peer }]
    this.layer = wireguard({ privateKey, peers, ...(mtu === undefined ? {} : { mtu }) })
    this.layer.events.subscribe((event) => {
      this.rawEvents.push(event)
      this.events.push(`${Math.round(clock.now()) / 1000} ${event.type} ${event.peer.name}`)
    })
    this.#host = new MemoryHost({
      receive: (bytes) => this.received.push(Buffer.from(bytes.subarray(HEADER)).toString()),
    })
  }

  async start(): Promise<void> {
    const { clock, seed, pool } = this.#setup
    const runtime = runtimeWith(bind(CLOCK, clock), bind(RANDOM, new SeededRandom(seed)))
    this.#running = await stack(this.wire, { runtime, ...(pool === undefined ? {} : { pool }) })
      .layer(this.layer)
      .layer({
        layer: (inner: Service<PeerPacket>) => inner,
        start: (context: Context) => {
          this.#table = context.require(ALLOWED_IPS, 'of this test')
        },
      })
      .layer(allowedIps())
      .end(this.#host)
      .start()
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    if (this.#running?.pool.inUse) throw new Error(`${this.#running.pool.inUse} packets were not released`)
  }

  /** Sends a packet of this text to the other end. */
  send(...texts: readonly string[]): void {
    this.#host.send(...texts.map((text) => this.packet(text)))
  }

  packet(text: string, source: string = this.#setup.address, destination: string = this.#setup.other): Uint8Array {
    return ipv4({ source, destination }, payload(EXPERIMENT, text))
  }

  sendPacket(...packets: readonly Uint8Array[]): void {
    this.#host.send(...packets)
  }

  /** Lets datagrams come in from the wire, from where the other end is if nothing else is said. */
  deliver(bytes: Uint8Array, from: string = this.#setup.otherWire): void {
    this.wire.deliver(bytes, parseSocketAddress(from))
  }

  /** The other end, as the state machine here sees it. */
  get peer(): PeerState {
    const { bytes } = parseAddress(this.#setup.other)
    const peer = this.#table?.lookup(4, new DataView(bytes.buffer), 0)
    if (peer === undefined) throw new Error('the other end is not a peer')
    return peer
  }

  /** Takes all that is left of the packet memory. */
  acquireAll(): { release(): void }[] {
    const packets: { release(): void }[] = []
    for (;;) {
      const packet = this.#running?.pool.acquire(0)
      if (packet === undefined) return packets
      packets.push(packet)
    }
  }

  /** Drops so far, by name. */
  drops(): Record<string, number> {
    return Object.fromEntries(this.#running?.drops().map(({ reason, packets }) => [reason, packets]) ?? [])
  }
}
