import { bind, CLOCK, type Clock, RANDOM, type RunningStack, type Runtime, runtimeWith, stack } from '@millrace/core'
import { MemoryHost, SeededRandom, type SeenDatagram, SimulatedNetwork, VirtualClock } from '@millrace/core/testing'
import { allowedIps, decodeKey, generatePrivateKey, publicKeyOf, wireguard } from '@millrace/layer-wireguard'
import { FloodedUdp } from './flooded-udp.ts'
import { InitiationFlood } from './initiation-flood.ts'
import { NumberedPackets, Receipt } from './numbered-packets.ts'

const GATEWAY = '192.0.2.1:51820'
const DELAY = 20
/** Milliseconds that a turn of the gateway's event loop takes: the computing of the handshakes that are looked at in one. */
const TURN = 1

/** A client of the gateway: what it has sent, and what has arrived of it. */
export interface Client {
  readonly wire: string
  readonly running: RunningStack
  readonly receipt: Receipt
  readonly packets: NumberedPackets
  send(): void
}

/** A gateway that knows two clients, on a simulated network with a clock to turn, and a flood that can be let loose. */
export class FloodedGateway implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock()
  readonly network: SimulatedNetwork = new SimulatedNetwork({ delay: DELAY })
  readonly wire: FloodedUdp = new FloodedUdp(this.network.udp(GATEWAY))
  /** What the gateway has sent to those who did not ask. */
  answered = { packets: 0, bytes: 0 }
  /** What the clients have sent and been sent, by wire address and type of message: `198.51.100.1:1000 > 1`. */
  readonly seen: Map<string, number> = new Map()
  readonly #keys: readonly string[] = [generatePrivateKey(), generatePrivateKey()]
  readonly #key: string = generatePrivateKey()
  readonly #receipts: Receipt[]
  readonly #packets: readonly NumberedPackets[]
  readonly #flood: InitiationFlood
  readonly #clients: Client[] = []
  #gateway: RunningStack | undefined

  private constructor() {
    this.#flood = new InitiationFlood(decodeKey(publicKeyOf(this.#key), 'key'))
    this.#packets = this.#keys.map((_, i) => new NumberedPackets(inside(i), '10.0.0.1'))
    this.#receipts = this.#packets.map((packets) => new Receipt(packets))
    this.network.eavesdrop = (datagram) => this.#see(datagram)
  }

  static async start(): Promise<FloodedGateway> {
    const made = new FloodedGateway()
    await made.#start()
    return made
  }

  get gateway(): RunningStack {
    if (this.#gateway === undefined) throw new Error('not started')
    return this.#gateway
  }

  async #start(): Promise<void> {
    const host = new MemoryHost({
      receive: (bytes) => this.#receipts[(bytes[15] as number) - 2]?.take(bytes, this.clock.now()),
    })
    const peers = this.#keys.map((key, i) => ({ publicKey: publicKeyOf(key), allowedIps: [`${inside(i)}/32`] }))
    this.#gateway = await stack(this.wire, { runtime: runtimeOf(1, this.#busyClock()) })
      .layer(wireguard({ privateKey: this.#key, peers }))
      .layer(allowedIps())
      .end(host)
      .start()
  }

  /** Starts client 0 or 1, which does nothing until it has something to send. */
  async client(i: number): Promise<Client> {
    const wire = `198.51.100.${i + 1}:1000`
    const host = new MemoryHost()
    const peers = [{ publicKey: publicKeyOf(this.#key), endpoint: GATEWAY, allowedIps: ['0.0.0.0/0'] }]
    const running = await stack(this.network.udp(wire), { runtime: runtimeOf(2 + i, this.clock) })
      .layer(wireguard({ privateKey: this.#keys[i] as string, peers }))
      .layer(allowedIps())
      .end(host)
      .start()
    const packets = this.#packets[i] as NumberedPackets
    const client = {
      wire,
      running,
      packets,
      receipt: this.#receipts[i] as Receipt,
      send: () => host.send(packets.next()),
    }
    this.#clients.push(client)
    return client
  }

  /** So many messages of the flood, now. */
  flood(count: number): void {
    this.wire.flood(() => this.#flood.next(), count)
  }

  /** Packets of the gateway's drops by their name. */
  get drops(): Record<string, number> {
    const all: Record<string, number> = {}
    for (const { reason, packets } of this.gateway.drops()) all[reason] = (all[reason] ?? 0) + packets
    return all
  }

  /** How many messages of a type the clients have sent (`>`) or been sent (`<`). */
  count(type: number, way: '>' | '<', wire?: string): number {
    let count = 0
    for (const [key, seen] of this.seen) {
      if (key.endsWith(` ${way} ${type}`) && (wire === undefined || key.startsWith(`${wire} `))) count += seen
    }
    return count
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { running } of this.#clients) await running.stop()
    await this.gateway.stop()
  }

  /** In virtual time nothing costs any: without this the gateway would look at everything at once, and never be under load. */
  #busyClock(): Clock {
    const { clock } = this
    return {
      now: () => clock.now(),
      wall: () => clock.wall(),
      setTimer: (delay, callback) => clock.setTimer(Math.max(delay, TURN), callback),
    }
  }

  #see({ from, to, bytes }: SeenDatagram): void {
    const isGateway = from.toString() === GATEWAY
    const other = (isGateway ? to : from).toString()
    if (isGateway && !this.#clients.some(({ wire }) => wire === other)) {
      this.answered.packets++
      this.answered.bytes += bytes.length
      return
    }
    const key = `${other} ${isGateway ? '<' : '>'} ${bytes[0]}`
    this.seen.set(key, (this.seen.get(key) ?? 0) + 1)
  }
}

function runtimeOf(seed: number, clock: Clock): Runtime {
  return runtimeWith(bind(CLOCK, clock), bind(RANDOM, new SeededRandom(seed)))
}

function inside(i: number): string {
  return `10.0.0.${i + 2}`
}
