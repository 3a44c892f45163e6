import { SeededRandom, SimulatedNetwork, VirtualClock } from '@millrace/core/testing'
import { type PeerOptions, publicKeyOf } from '@millrace/layer-wireguard'
import { LongEnd } from './long-simulation-end.ts'
import { WireWatch } from './long-simulation-watch.ts'
import { NumberedPackets, Receipt } from './numbered-packets.ts'

export const SECOND = 1000
export const MINUTE: number = 60 * SECOND
export const HOUR: number = 60 * MINUTE

/**
 * What a session that broke may cost, while both ends have something to say: KEEPALIVE_TIMEOUT + REKEY_TIMEOUT and jitter
 * (15.4 s) until it is noticed that nothing answers; four attempts that fail one after the other, REKEY_TIMEOUT and jitter
 * each (21.4 s; with 5 % loss each way one in ten fails); a second or two until the next packets, and the way there.
 */
const LONGEST_GAP = 40 * SECOND
/** What a session that goes on may cost: less than what it takes to notice that nothing answers. */
const SHORT_GAP = 12 * SECOND
/** Longer than REJECT_AFTER_TIME: what an event has done to the next handshake shows, too. */
const RECOVERY = 200 * SECOND

/** A laptop and a gateway that talk for hours, each with a clock of its own, on a network that is watched. */
export class LongWorld {
  readonly clock: VirtualClock = new VirtualClock()
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
  readonly watch: WireWatch = new WireWatch()
  readonly laptop: LongEnd
  readonly gateway: LongEnd
  presharedKey: string
  /** Every seventh second has this many packets at once. */
  burst = 1
  /** What did not recover in time. */
  readonly failures: string[] = []

  private constructor(seed: number) {
    const { clock: world } = this
    this.random = new SeededRandom(seed)
    this.network = new SimulatedNetwork({ seed, clock: world })
    const both = { world, network: this.network }
    const [inLaptop, inGateway] = ['10.0.0.2', '10.0.0.1']
    const up = new NumberedPackets(inLaptop, inGateway)
    const down = new NumberedPackets(inGateway, inLaptop)
    const laptop = { name: 'laptop', inner: inLaptop, other: inGateway, address: '198.51.100.1:5000' }
    const gateway = { name: 'gateway', inner: inGateway, other: inLaptop, address: '192.0.2.1:51820' }
    this.laptop = new LongEnd({ ...both, ...laptop, seed: this.random.uint32(), sends: up, receipt: new Receipt(down) })
    this.gateway = new LongEnd({
      ...both,
      ...gateway,
      seed: this.random.uint32(),
      sends: down,
      receipt: new Receipt(up),
    })
    this.presharedKey = this.laptop.drawKey()
    this.network.eavesdrop = ({ from, bytes }) => {
      const sender = from.equals(this.laptop.wire.address) ? this.laptop : this.gateway
      if (bytes[0] === 1) sender.latestStamp = Math.max(sender.latestStamp, sender.clock.wall())
      this.watch.see(sender, this.other(sender), bytes)
    }
  }

  static async start(seed: number): Promise<LongWorld> {
    const world = new LongWorld(seed)
    await world.laptop.start(world.peerOf(world.laptop, true))
    await world.gateway.start(world.peerOf(world.gateway, false))
    return world
  }

  get ends(): readonly [LongEnd, LongEnd] {
    return [this.laptop, this.gateway]
  }

  other(end: LongEnd): LongEnd {
    return end === this.laptop ? this.gateway : this.laptop
  }

  /** The other end as `end` may have it in its configuration. Where the laptop is, a gateway need not know. */
  peerOf(end: LongEnd, knowsEndpoint: boolean): Omit<PeerOptions, 'allowedIps'> {
    const other = this.other(end)
    return {
      publicKey: publicKeyOf(other.privateKey),
      presharedKey: this.presharedKey,
      ...(knowsEndpoint ? { endpoint: `${other.wire.address}` } : {}),
    }
  }

  /**
   * What the protocol itself makes both wait: an end whose wall clock has gone back is refused until its stamps are later
   * than its last (paper §5.1), so only the other can begin. If both have gone back, they wait for the first to catch up.
   */
  get stampWait(): number {
    return Math.min(this.laptop.debt, this.gateway.debt)
  }

  /** The ends whose initiations the other takes; waits until there is one. Stamps go in steps of 17 ms. */
  ableToBegin(): readonly LongEnd[] {
    if (this.stampWait > 0) this.clock.advance(this.stampWait + 20)
    return this.ends.filter(({ debt, peer }) => debt === 0 && peer.endpoint !== undefined)
  }

  /** One host sends one packet and nothing more; it takes as many attempts as it takes, without another packet. */
  sayOneThing(): void {
    const end = this.pick(this.ableToBegin())
    end.send()
    this.clock.advance(LONGEST_GAP)
    if (!end.peer.isUp) this.#fail(`there is no session after a packet from the ${end.name}`)
  }

  /** Both hosts send a packet a second. */
  talk(milliseconds: number): void {
    const end = this.clock.now() + milliseconds
    for (let second = 0; this.clock.now() < end; second++) {
      const count = second % 7 === 6 ? this.burst : 1
      const first = (this.random.fraction() * SECOND) / 2
      this.clock.advance(first)
      this.laptop.send(count)
      this.clock.advance(SECOND / 2 - first)
      this.gateway.send(count)
      this.clock.advance(SECOND / 2)
    }
  }

  /** Whether both have heard from each other just now. */
  get isTalking(): boolean {
    return this.ends.every(({ receipt }) => this.clock.now() - receipt.lastAt < 3 * SECOND)
  }

  /** Both talk; neither may for long get nothing. */
  recover(from: string, milliseconds: number = RECOVERY): void {
    this.#expectNoGap(from, milliseconds + this.stampWait, LONGEST_GAP + this.stampWait)
  }

  /** The same where nothing ended the session, if there was one. */
  goOn(from: string, wasTalking: boolean): void {
    if (wasTalking) this.#expectNoGap(from, SHORT_GAP + SECOND, SHORT_GAP)
  }

  #expectNoGap(after: string, milliseconds: number, longest: number): void {
    for (const { receipt } of this.ends) receipt.resetGap(this.clock.now())
    this.talk(milliseconds)
    for (const { name, receipt } of this.ends) {
      const gap = receipt.gap(this.clock.now())
      if (gap <= longest) continue
      this.#fail(`after ${after} nothing reached the ${name} for ${gap / SECOND} s`)
    }
  }

  #fail(what: string): void {
    this.failures.push(`by ${(this.clock.now() / HOUR).toFixed(2)} h: ${what}`)
  }

  /** Uniform. */
  between(low: number, high: number): number {
    return low + (high - low) * this.random.fraction()
  }

  /** Between two times of different orders of magnitude, as likely in each. */
  duration(low: number, high: number): number {
    return low * (high / low) ** this.random.fraction()
  }

  pick<T>(items: readonly T[]): T {
    return items[this.random.uint32() % items.length] as T
  }

  async stop(): Promise<void> {
    await this.laptop.stop()
    await this.gateway.stop()
  }
}
