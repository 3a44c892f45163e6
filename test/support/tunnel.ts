import {
  bind,
  CLOCK,
  type PoolOptions,
  parseAddress,
  parseSocketAddress,
  RANDOM,
  type RunningStack,
  runtimeWith,
  stack,
} from '@millrace/core'
import {
  ipv4,
  MemoryHost,
  type NetworkConditions,
  payload,
  SeededRandom,
  SimulatedNetwork,
  type SimulatedUdp,
  VirtualClock,
} from '@millrace/core/testing'
import {
  ALLOWED_IPS,
  type AllowedIpTable,
  allowedIps,
  encodeKey,
  type PeerOptions,
  type PeerState,
  publicKeyOf,
  type WireguardEvent,
  type WireguardLayer,
  wireguard,
} from '@millrace/layer-wireguard'

export const SECOND = 1000
export const PRIVATE_A: string = encodeKey(new Uint8Array(32).fill(0x48))
export const PRIVATE_B: string = encodeKey(new Uint8Array(32).fill(0x50))
export const PUBLIC_A: string = publicKeyOf(PRIVATE_A)
export const PUBLIC_B: string = publicKeyOf(PRIVATE_B)
export const WIRE_A = '192.0.2.1:1001'
export const WIRE_B = '192.0.2.2:1002'

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

export interface TunnelOptions {
  readonly a?: EndOptions
  readonly b?: EndOptions
  readonly conditions?: Partial<NetworkConditions>
}

/** A datagram as it was put on the wire. */
export interface Sent {
  /** Clock.now, milliseconds. */
  readonly at: number
  readonly from: string
  readonly kind: string
  readonly bytes: Uint8Array
}

/**
 * Two ends of a WireGuard tunnel over a simulated network, a clock to turn, and a log of the wire. A (10.0.0.1) knows
 * where B (10.0.0.2) is; B learns where A is. The network takes no time unless told to.
 */
export class Tunnel implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock()
  readonly network: SimulatedNetwork
  readonly a: End
  readonly b: End
  /** Everything sent so far. */
  readonly sent: Sent[] = []
  /** Which datagrams the network loses. */
  loses: (sent: Sent) => boolean = () => false
  #taken = 0

  private constructor({ a = {}, b = {}, conditions = {} }: TunnelOptions) {
    this.network = new SimulatedNetwork(conditions)
    const usual = this.network.conditions
    this.network.eavesdrop = ({ from, bytes }) => {
      const name = from.equals(this.a.wire.address) ? 'a' : from.equals(this.b.wire.address) ? 'b' : `${from}`
      const sent = { at: this.clock.now(), from: name, kind: kindOf(bytes), bytes }
      this.sent.push(sent)
      this.network.conditions = this.loses(sent) ? { ...usual, loss: 1 } : usual
    }
    this.a = new End(this, {
      seed: 1,
      privateKey: PRIVATE_A,
      wire: this.network.udp(WIRE_A),
      address: '10.0.0.1',
      other: '10.0.0.2',
      known: { publicKey: PUBLIC_B, endpoint: WIRE_B, allowedIps: ['10.0.0.2/32'], name: 'b' },
      ...a,
    })
    this.b = new End(this, {
      seed: 2,
      privateKey: PRIVATE_B,
      wire: this.network.udp(WIRE_B),
      address: '10.0.0.2',
      other: '10.0.0.1',
      known: { publicKey: PUBLIC_A, allowedIps: ['10.0.0.1/32'], name: 'a' },
      ...b,
    })
  }

  static async start(options: TunnelOptions = {}): Promise<Tunnel> {
    const tunnel = new Tunnel(options)
    await tunnel.a.start()
    await tunnel.b.start()
    return tunnel
  }

  /** A tunnel with a session that A began at 0, two packets exchanged so that no keepalive is owed. */
  static async established(options: TunnelOptions = {}): Promise<Tunnel> {
    const tunnel = await Tunnel.start(options)
    tunnel.a.send('first')
    tunnel.advance(0)
    tunnel.b.send('first')
    tunnel.advance(0)
    tunnel.b.receive(0) // A owes an answer to the packet of B: an empty one pays it.
    tunnel.a.peer.timers.sendKeepalive = Number.POSITIVE_INFINITY
    tunnel.take()
    return tunnel
  }

  advance(milliseconds: number): void {
    this.clock.advance(milliseconds)
  }

  /** Goes on to a time, milliseconds from the beginning. */
  advanceTo(time: number): void {
    this.clock.advance(time - this.clock.now())
  }

  /** The wire since the last call: `12.5 a initiation`, time in seconds. */
  take(): string[] {
    const taken = this.sent.slice(this.#taken)
    this.#taken = this.sent.length
    return taken.map(({ at, from, kind }) => `${Math.round(at) / SECOND} ${from} ${kind}`)
  }

  /** The last datagram of a kind that an end sent. */
  last(from: string, kind: string): Uint8Array {
    const found = this.sent.findLast((sent) => sent.from === from && sent.kind === kind)
    if (found === undefined) throw new Error(`${from} has sent no ${kind}`)
    return found.bytes
  }

  /** Stops both ends; neither may still hold a packet. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.a.stop()
    await this.b.stop()
  }
}

interface EndSetup extends EndOptions {
  readonly seed: number
  readonly privateKey: string
  readonly wire: SimulatedUdp
  readonly address: string
  readonly other: string
  readonly known: PeerOptions
}

export class End {
  readonly wire: SimulatedUdp
  readonly layer: WireguardLayer
  /** Texts that reached the host. */
  readonly received: string[] = []
  /** `12.5 session-up b`, time in seconds. */
  readonly events: string[] = []
  readonly rawEvents: WireguardEvent[] = []
  readonly #setup: EndSetup
  readonly #tunnel: Tunnel
  readonly #host: MemoryHost
  #table: AllowedIpTable | undefined
  #running: RunningStack | undefined

  constructor(tunnel: Tunnel, setup: EndSetup) {
    const { privateKey, peer = {}, mtu, known, wire } = setup
    this.#tunnel = tunnel
    this.#setup = setup
    this.wire = wire
    const peers = peer === false ? [] : [{ ...known, ...peer }]
    this.layer = wireguard({ privateKey, peers, ...(mtu === undefined ? {} : { mtu }) })
    this.layer.events.subscribe((event) => {
      this.rawEvents.push(event)
      this.events.push(`${Math.round(tunnel.clock.now()) / SECOND} ${event.type} ${event.peer.name}`)
    })
    this.#host = new MemoryHost({
      receive: (bytes) => this.received.push(Buffer.from(bytes.subarray(HEADER)).toString()),
    })
  }

  async start(): Promise<void> {
    const { seed, pool } = this.#setup
    const runtime = runtimeWith(bind(CLOCK, this.#tunnel.clock), bind(RANDOM, new SeededRandom(seed)))
    this.#running = await stack(this.wire, { runtime, ...(pool === undefined ? {} : { pool }) })
      .layer(this.layer)
      .layer({
        layer: (inner) => inner,
        start: (context) => {
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
  deliver(bytes: Uint8Array, from: string = this === this.#tunnel.a ? WIRE_B : WIRE_A): void {
    this.wire.deliver(bytes, parseSocketAddress(from))
  }

  /** The other end, as the state machine here sees it. */
  get peer(): PeerState {
    const { bytes } = parseAddress(this.#setup.other)
    const peer = this.#table?.lookup(4, new DataView(bytes.buffer), 0)
    if (peer === undefined) throw new Error('the other end is not a peer')
    return peer
  }

  /** Drops so far, by name. */
  drops(): Record<string, number> {
    return Object.fromEntries(this.#running?.drops().map(({ reason, packets }) => [reason, packets]) ?? [])
  }
}

function kindOf(bytes: Uint8Array): string {
  const kind = ['none', 'initiation', 'response', 'cookie-reply', 'data'][bytes[0] ?? 0] ?? 'unknown'
  return kind === 'data' && bytes.length === 32 ? 'keepalive' : kind
}
