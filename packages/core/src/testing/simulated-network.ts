import { parseSocketAddress } from '../ip/address.ts'
import type { SocketAddress } from '../ip/socket-address.ts'
import type { Clock } from '../runtime/clock.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedUdp } from './simulated-udp.ts'

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
  /** The time of the network itself, where the ends have clocks of their own that may stand still. Default: the sender's. */
  readonly clock?: Clock
}

/** A datagram as an eavesdropper sees it when it is sent. */
export interface SeenDatagram {
  readonly from: SocketAddress
  readonly to: SocketAddress
  readonly bytes: Uint8Array
}

/**
 * A network in memory, repeatable by its seed: delay, loss, duplication, corruption, reordering, and ends that change
 * their address. Time is a clock to turn, so a {@link VirtualClock} runs days of it in seconds.
 */
export class SimulatedNetwork {
  conditions: NetworkConditions
  /** Told of each datagram sent, before the network has done anything to it. */
  eavesdrop: ((datagram: SeenDatagram) => void) | undefined
  readonly #random: SeededRandom
  readonly #capacity: number
  readonly #clock: Clock | undefined
  readonly #ends = new Map<string, SimulatedUdp>()
  #underWay = 0

  constructor({ seed = 1, capacity = 65_536, clock, ...conditions }: SimulatedNetworkOptions = {}) {
    this.#random = new SeededRandom(seed)
    this.#capacity = capacity
    this.#clock = clock
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

  /** `clock` is the sender's. */
  send(clock: Clock, datagram: SeenDatagram): void {
    this.eavesdrop?.(datagram)
    const { duplication, loss } = this.conditions
    const time = this.#clock ?? clock
    const copies = this.#random.chance(duplication) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (this.#underWay >= this.#capacity || this.#random.chance(loss)) continue
      this.#underWay++
      time.setTimer(this.#delay(), () => {
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
