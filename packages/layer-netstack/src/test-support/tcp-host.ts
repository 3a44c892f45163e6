import { asIpPacket, Burst, type IpPacket, PacketPool, parseIp, Segmenter, type Timer } from '@millrace/core'
import { SeededRandom, type VirtualClock } from '@millrace/core/testing'
import type { TcpListener } from '../tcp/listener.ts'
import type { TcpOptions } from '../tcp/options.ts'
import { Tcp } from '../tcp/tcp.ts'

export interface TcpHostOptions extends TcpOptions {
  readonly seed?: number
  readonly slots?: number
  readonly jumboSlots?: number
}

/** A TCP with a clock, packet memory and an owner: what comes in is dealt with at once. */
export class TcpHost {
  readonly tcp: Tcp
  readonly pool: PacketPool
  readonly drops: Map<string, number> = new Map()
  /** Where packets go, cut into segments. */
  send: (bytes: Uint8Array) => void = () => {}
  /** Every packet as it leaves the TCP. */
  readonly seen: { segmentSize: number; length: number }[] = []
  listener: TcpListener = { incoming() {}, established() {}, readable() {}, writable() {}, closed() {} }
  readonly #clock: VirtualClock
  readonly #burst: Burst<IpPacket>
  readonly #segmenter: Segmenter
  readonly #scratch: number
  #timer: Timer | undefined

  constructor(clock: VirtualClock, options: TcpHostOptions = {}) {
    const { seed = 1, slots = 256, jumboSlots = 16, ...rest } = options
    this.#clock = clock
    this.pool = new PacketPool({ slots, jumboSlots: jumboSlots + 1 })
    const scratch = this.pool.acquire(65_535)
    if (scratch === undefined) throw new Error('a pool has a jumbo slot')
    this.#scratch = scratch.offset
    this.#burst = new Burst(this.pool)
    this.#segmenter = new Segmenter(this.pool.sums)
    const random = new SeededRandom(seed)
    const surroundings = { outbox: this.#burst, sums: this.pool.sums, random, now: clock.now() }
    this.tcp = new Tcp({ memory: 2 ** 23, connections: 256, ...rest }, surroundings)
  }

  /** Packets held by nobody but this host's own scratch space. */
  get leaked(): number {
    return this.pool.inUse - 1
  }

  /** A packet comes in. Returns the reason for which it was dropped. */
  deliver(bytes: Uint8Array, segmentSize = 0, segmentHeader = 0): string | undefined {
    const reason = this.take(bytes, segmentSize, segmentHeader)
    this.pump()
    return reason
  }

  /** The same without anything being answered yet. */
  take(bytes: Uint8Array, segmentSize = 0, segmentHeader = 0): string | undefined {
    const packet = this.pool.acquire(bytes.length)
    if (packet === undefined) throw new Error('the pool is large enough for the test')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    packet.segmentSize = segmentSize
    packet.segmentHeader = segmentHeader
    const reason = parseIp(packet) ?? this.#receive(asIpPacket(packet))
    packet.release()
    if (reason !== undefined) this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
    return reason
  }

  #receive(packet: IpPacket): string | undefined {
    const isIcmp = packet.protocol === 1 || packet.protocol === 58
    const now = this.#clock.now()
    return isIcmp ? this.tcp.receiveIcmp(packet, now) : this.tcp.receive(packet, now)
  }

  /** Tells the owner and sends until there is nothing left to do, then sets the timer. */
  pump(): void {
    const now = this.#clock.now()
    for (let more = true; more; ) {
      this.tcp.dispatch(this.listener)
      const isMore = this.tcp.flush(now)
      more = (isMore && this.#burst.length > 0) || this.tcp.hasEvents
      this.#burst.serve({ serve: (batch) => this.#leave([...batch]) })
    }
    this.#timer?.cancel()
    const { deadline } = this.tcp
    if (deadline === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.setTimer(Math.max(deadline - now, 0.5), () => {
      this.tcp.advance(this.#clock.now())
      this.pump()
    })
  }

  #leave(packets: readonly IpPacket[]): void {
    for (const packet of packets) {
      this.seen.push({ segmentSize: packet.segmentSize, length: packet.length })
      if (packet.segmentSize === 0) {
        this.send(packet.bytes().slice())
        continue
      }
      const reason = this.#segmenter.begin(packet)
      if (reason !== undefined) throw new Error(reason)
      for (let i = 0; i < this.#segmenter.count; i++) {
        const length = this.#segmenter.write(i, this.#scratch)
        this.send(packet.memory.slice(this.#scratch, this.#scratch + length))
      }
    }
  }
}
