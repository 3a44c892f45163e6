import {
  bind,
  CLOCK,
  type Clock,
  type Context,
  type PeerPacket,
  parseAddress,
  RANDOM,
  type RunningStack,
  runtimeWith,
  type Service,
  stack,
} from '@millrace/core'
import {
  MachineClock,
  MemoryHost,
  SeededRandom,
  type SimulatedNetwork,
  type SimulatedUdp,
} from '@millrace/core/testing'
import {
  ALLOWED_IPS,
  allowedIps,
  encodeKey,
  type PeerOptions,
  type PeerStatus,
  type WireguardLayer,
  wireguard,
} from '@millrace/layer-wireguard'
import type { NumberedPackets, Receipt } from './numbered-packets.ts'

export interface LongEndSetup {
  readonly name: string
  /** Addresses inside the tunnel: its own, and the other end's. */
  readonly inner: string
  readonly other: string
  readonly address: string
  readonly world: Clock
  readonly network: SimulatedNetwork
  readonly seed: number
  readonly sends: NumberedPackets
  readonly receipt: Receipt
}

/** One machine of the long simulation: a clock of its own, and one WireGuard process after another. */
export class LongEnd {
  readonly name: string
  readonly inner: string
  /** Of the process that runs, or ran last. */
  clock: MachineClock
  /** What reached its host. */
  readonly receipt: Receipt
  readonly wire: SimulatedUdp
  privateKey: string
  /** Where the counter of a new session begins, if not at 0: near a limit, for traffic to reach it. */
  firstCounter: (() => bigint) | undefined
  /** The latest time stamp, by its wall clock, that the other end may have from it. */
  latestStamp: number = Number.NEGATIVE_INFINITY
  readonly #setup: LongEndSetup
  readonly #random: SeededRandom
  #layer: WireguardLayer | undefined
  #host: MemoryHost | undefined
  #running: RunningStack | undefined

  constructor(setup: LongEndSetup) {
    this.#setup = setup
    this.name = setup.name
    this.inner = setup.inner
    this.clock = new MachineClock(setup.world)
    this.receipt = setup.receipt
    this.wire = setup.network.udp(setup.address)
    this.#random = new SeededRandom(setup.seed)
    this.privateKey = this.drawKey()
  }

  get layer(): WireguardLayer {
    if (this.#layer === undefined) throw new Error(`${this.name} is not running`)
    return this.#layer
  }

  /** How long, by the world's clock, until its initiations are later than what the other end has: milliseconds, 0 for now. */
  get debt(): number {
    return Math.max(0, this.latestStamp - this.clock.wall())
  }

  /** What its process knows of the other end. */
  get peer(): PeerStatus {
    return this.layer.peers.list()[0] as PeerStatus
  }

  drawKey(): string {
    const key = new Uint8Array(32)
    this.#random.fill(key)
    return encodeKey(key)
  }

  /** A new process, which knows nothing but its configuration. */
  async start(peer: Omit<PeerOptions, 'allowedIps'>): Promise<void> {
    const { other, world } = this.#setup
    const wallError = this.clock.wall() - world.wall()
    this.clock = new MachineClock(world)
    this.clock.stepWall(wallError)
    const layer = wireguard({ privateKey: this.privateKey, peers: [{ ...peer, allowedIps: [`${other}/32`] }] })
    const host = new MemoryHost({ receive: (bytes) => this.receipt.take(bytes, world.now()) })
    this.#layer = layer
    this.#host = host
    this.#running = await stack(this.wire, {
      runtime: runtimeWith(bind(CLOCK, this.clock), bind(RANDOM, this.#random)),
    })
      .layer(layer)
      .layer({ layer: (inner: Service<PeerPacket>) => inner, start: (context) => this.#raiseCounters(context, layer) })
      .layer(allowedIps())
      .end(host)
      .start()
  }

  /** Ends the process. None of its packets may be left. */
  async stop(): Promise<void> {
    await this.#running?.stop()
    if (this.#running?.pool.inUse)
      throw new Error(`${this.name}: ${this.#running.pool.inUse} packets were not released`)
  }

  /** Its host sends packets to the other's, if it is awake. */
  send(count = 1): void {
    if (!this.clock.isRunning) return
    this.#host?.send(...Array.from({ length: count }, () => this.#setup.sends.next()))
  }

  /** Before anything is sent with a new session its counter is moved on, to just below a limit; never back. */
  #raiseCounters(context: Context, { events }: WireguardLayer): void {
    const table = context.require(ALLOWED_IPS, 'of this simulation')
    const { bytes } = parseAddress(this.#setup.other)
    events.subscribe(({ type }) => {
      if (this.firstCounter === undefined || (type !== 'session-up' && type !== 'session-rekeyed')) return
      const current = table.lookup(4, new DataView(bytes.buffer), 0)?.keypairs.current
      if (current === undefined) throw new Error('a session that is up is none')
      const counter = this.firstCounter()
      current.sendCounterHigh = Number(counter >> 32n)
      current.sendCounterLow = Number(counter & 0xffff_ffffn)
    })
  }
}
