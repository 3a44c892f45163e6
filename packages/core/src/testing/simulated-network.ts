import type { Context, Endpoint, Service } from '../contract/index.ts'
import { parseSocketAddress } from '../ip/address.ts'
import type { SocketAddress } from '../ip/socket-address.ts'
import { Burst } from '../packet/burst.ts'
import { asDatagram } from '../packet/kind.ts'
import type { Datagram } from '../packet/packet.ts'
import { SeededRandom } from './seeded-random.ts'

/** How bad the network is. Probabilities from 0 to 1, times in milliseconds; all 0 by default. */
export interface NetworkConditions {
  readonly delay: number
  /** Added to the delay, uniform from 0 to this; it reorders packets that follow each other more closely. */
  readonly jitter: number
  readonly loss: number
  readonly duplication: number
  /** One bit of the datagram is flipped. */
  readonly corruption: number
  /** The datagram waits another `delay + jitter`, behind those sent after it. */
  readonly reordering: number
}

export interface SimulatedNetworkOptions extends Partial<NetworkConditions> {
  readonly seed?: number
  /** Most datagrams under way at once; more are lost. Default 65,536. */
  readonly capacity?: number
}

/** A datagram as an eavesdropper sees it when it is sent. */
export interface SeenDatagram {
  readonly from: SocketAddress
  readonly to: SocketAddress
  readonly bytes: Uint8Array
}

/**
 * A network in memory, repeatable by its seed: delay, loss, duplication, corruption, reordering, and ends that change
 * their address. Time is the sender's clock, so a {@link VirtualClock} runs days of it in seconds.
 */
export class SimulatedNetwork {
  conditions: NetworkConditions
  /** Told of each datagram sent, before the network has done anything to it. */
  eavesdrop: ((datagram: SeenDatagram) => void) | undefined
  readonly #random: SeededRandom
  readonly #capacity: number
  readonly #ends = new Map<string, SimulatedUdp>()
  #underWay = 0

  constructor({ seed = 1, capacity = 65_536, ...conditions }: SimulatedNetworkOptions = {}) {
    this.#random = new SeededRandom(seed)
    this.#capacity = capacity
    this.conditions = { delay: 0, jitter: 0, loss: 0, duplication: 0, corruption: 0, reordering: 0, ...conditions }
  }

  /** A wire end at `address`, given as `192.0.2.1:51820` or `[2001:db8::1]:51820`. */
  udp(address: string): SimulatedUdp {
    return new SimulatedUdp(this, parseSocketAddress(address))
  }

  attach(end: SimulatedUdp, address: SocketAddress): void {
    this.#ends.set(address.toString(), end)
  }

  detach(end: SimulatedUdp, address: SocketAddress): void {
    if (this.#ends.get(address.toString()) === end) this.#ends.delete(address.toString())
  }

  send(context: Context, datagram: SeenDatagram): void {
    this.eavesdrop?.(datagram)
    const { duplication, loss } = this.conditions
    const copies = this.#random.chance(duplication) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (this.#underWay >= this.#capacity || this.#random.chance(loss)) continue
      this.#underWay++
      context.clock.setTimer(this.#delay(), () => {
        this.#underWay--
        this.#ends.get(datagram.to.toString())?.deliver(this.#corrupted(datagram.bytes), datagram.from)
      })
    }
  }

  #delay(): number {
    const { delay, jitter, reordering } = this.conditions
    const once = delay + jitter * this.#random.fraction()
    return this.#random.chance(reordering) ? once + delay + jitter : once
  }

  #corrupted(bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0 || !this.#random.chance(this.conditions.corruption)) return bytes
    const copy = bytes.slice()
    const bit = this.#random.uint32() % (bytes.length * 8)
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
    return copy
  }
}

/** One end of a {@link SimulatedNetwork}: takes the place of `udp()` in a stack. */
export class SimulatedUdp implements Endpoint<Datagram> {
  readonly name = 'simulated-udp'
  readonly #network: SimulatedNetwork
  #address: SocketAddress
  #stack: Service<Datagram> | undefined
  #context: Context | undefined

  constructor(network: SimulatedNetwork, address: SocketAddress) {
    this.#network = network
    this.#address = address
  }

  get address(): SocketAddress {
    return this.#address
  }

  connect(stack: Service<Datagram>): Service<Datagram> {
    this.#stack = stack
    return {
      serve: (batch) => {
        for (let i = 0; i < batch.length; i++) {
          const packet = batch.at(i)
          if (this.#context === undefined) batch.drop(packet, 'not-open')
          else this.#send(this.#context, packet)
        }
      },
    }
  }

  start(context: Context): void {
    this.#context = context
    this.#network.attach(this, this.#address)
  }

  stop(): void {
    this.#network.detach(this, this.#address)
    this.#context = undefined
  }

  /** Moves to another address, as a laptop does; what is under way to the old one is lost. */
  move(address: string): void {
    this.#network.detach(this, this.#address)
    this.#address = parseSocketAddress(address)
    if (this.#context !== undefined) this.#network.attach(this, this.#address)
  }

  deliver(bytes: Uint8Array, from: SocketAddress): void {
    const context = this.#context
    if (context === undefined || this.#stack === undefined) return
    const burst = new Burst<Datagram>(context.pool)
    const packet = burst.acquire(bytes.length)
    if (packet === undefined) {
      context.drop('pool-empty')
      return
    }
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    packet.remote = from
    packet.arrival = context.clock.now()
    burst.push(asDatagram(packet))
    burst.serve(this.#stack)
  }

  /** A super-packet leaves as the datagrams it stands for. */
  #send(context: Context, packet: Datagram): void {
    const bytes = packet.bytes()
    const step = packet.segmentSize === 0 ? bytes.length : packet.segmentSize
    for (let at = 0; at === 0 || at < bytes.length; at += Math.max(step, 1)) {
      this.#network.send(context, { from: this.#address, to: packet.remote, bytes: bytes.slice(at, at + step) })
    }
  }
}
