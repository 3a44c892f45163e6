import {
  asDatagram,
  Burst,
  type Context,
  type Datagram,
  type LocalAddress,
  type RunningStack,
  runtimeWith,
  type Service,
  SocketAddress,
  type StackOptions,
  stack,
  WIRE,
  WIRE_SUPER_PACKETS,
  type WireControl,
  type WireSuperPackets,
} from '@millrace/core'
import type { UdpOptions } from '../options.ts'
import { type UdpEndpoint, udp } from '../udp.ts'

export interface Arrival {
  readonly text: string
  readonly bytes: Uint8Array
  readonly remote: SocketAddress
  readonly local: LocalAddress | undefined
  readonly trafficClass: number
  readonly segmentSize: number
}

/** A packet to be sent. */
export interface Departure {
  readonly remote: SocketAddress
  readonly payload: string | Uint8Array
  readonly local?: LocalAddress | undefined
  readonly segmentSize?: number
  readonly trafficClass?: number
}

/** A stack that is nothing but a wire: it keeps what comes in, and sends what it is told to. */
export class UdpEnd {
  readonly wire: UdpEndpoint
  readonly arrivals: Arrival[] = []
  /** Called with each batch that has come in. */
  served: (() => void) | undefined
  /** Called with each packet before it is sent. */
  tamper: ((packet: Datagram) => void) | undefined
  #running: RunningStack | undefined
  #down: Service<Datagram> | undefined
  #context: Context | undefined

  private constructor(options: UdpOptions) {
    this.wire = udp(options)
  }

  static async open(options: UdpOptions, surroundings: StackOptions = {}): Promise<UdpEnd> {
    const end = new UdpEnd(options)
    end.#running = await stack(end.wire, { runtime: runtimeWith(), ...surroundings })
      .end({
        name: 'end',
        connect: (down) => {
          end.#down = down
          return { serve: (batch) => end.#keep(batch) }
        },
        start: (context) => {
          end.#context = context
        },
      })
      .start()
    return end
  }

  get running(): RunningStack {
    return this.#running as RunningStack
  }

  /** The wire as a line further up sees it. */
  get control(): WireControl {
    return (this.#context as Context).require(WIRE, 'needs a wire')
  }

  get superPackets(): WireSuperPackets | undefined {
    return (this.#context as Context).find(WIRE_SUPER_PACKETS)
  }

  address(text: string): SocketAddress {
    return new SocketAddress(text.includes(':') ? 6 : 4, text, this.wire.port)
  }

  send(remote: SocketAddress, payload: string | Uint8Array, local?: LocalAddress, segmentSize = 0): void {
    this.sendBatch([{ remote, payload, local, segmentSize }])
  }

  sendBatch(departures: readonly Departure[]): void {
    const burst = new Burst<Datagram>(this.running.pool)
    for (const { remote, payload, local, segmentSize = 0, trafficClass = 0 } of departures) {
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
      const packet = burst.acquire(bytes.length)
      if (packet === undefined) throw new Error('the pool is empty')
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.remote = remote
      packet.local = local
      packet.segmentSize = segmentSize
      packet.trafficClass = trafficClass
      this.tamper?.(asDatagram(packet))
      burst.push(asDatagram(packet))
    }
    burst.serve(this.#down as Service<Datagram>)
  }

  dropped(reason: string): number {
    return this.running.drops().reduce((sum, drop) => sum + (drop.reason === reason ? drop.packets : 0), 0)
  }

  /** Waits until so many have come in, and takes them. */
  async take(count: number): Promise<Arrival[]> {
    await until(() => this.arrivals.length >= count)
    return this.arrivals.splice(0)
  }

  stop(): Promise<void> {
    return this.running.stop()
  }

  #keep(batch: Iterable<Datagram>): void {
    for (const packet of batch) {
      const bytes = packet.bytes().slice()
      const { remote, local, trafficClass, segmentSize } = packet
      this.arrivals.push({ text: Buffer.from(bytes).toString(), bytes, remote, local, trafficClass, segmentSize })
    }
    this.served?.()
  }
}

/** Looks again and again, at most for a quarter of a minute. On a busy machine a thread's wake-up may take its time. */
export async function until(done: () => boolean): Promise<void> {
  const end = performance.now() + 15_000
  for (let turn = 0; !done() && performance.now() < end; turn++) {
    await new Promise((next) => (turn < 1000 ? setImmediate(next) : setTimeout(next, 1)))
  }
}
