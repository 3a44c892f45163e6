import { asDatagram, Burst, type Context, type Datagram, type Endpoint, type Service } from '@millrace/core'
import type { SimulatedUdp } from '@millrace/core/testing'
import type { FloodMessage } from './initiation-flood.ts'

/** As many as one recvmmsg(2) takes. */
const BURST = 16

/** A simulated wire to which a flood comes in too, in bursts as a socket would give them. */
export class FloodedUdp implements Endpoint<Datagram> {
  readonly name = 'flooded-udp'
  readonly #wire: SimulatedUdp
  #stack: Service<Datagram> | undefined
  #context: Context | undefined
  /** Of the flood, served to the stack so far. */
  packets = 0
  bytes = 0

  constructor(wire: SimulatedUdp) {
    this.#wire = wire
  }

  connect(stack: Service<Datagram>): Service<Datagram> {
    this.#stack = stack
    return this.#wire.connect(stack)
  }

  start(context: Context): void {
    this.#context = context
    this.#wire.start(context)
  }

  stop(): void {
    this.#context = undefined
    this.#wire.stop()
  }

  /** Serves so many messages of a flood, now. */
  flood(next: () => FloodMessage, count: number): void {
    const [context, stack] = [this.#context, this.#stack]
    if (context === undefined || stack === undefined) throw new Error('not started')
    const burst = new Burst<Datagram>(context.pool)
    for (let left = count; left > 0; left -= BURST) {
      for (let i = Math.min(left, BURST); i > 0; i--) {
        const { bytes, from } = next()
        const packet = burst.acquire(bytes.length)
        if (packet === undefined) throw new Error('the pool is large enough')
        packet.memory.set(bytes, packet.offset)
        packet.length = bytes.length
        packet.remote = from
        packet.arrival = context.clock.now()
        burst.push(asDatagram(packet))
        this.packets++
        this.bytes += bytes.length
      }
      burst.serve(stack)
    }
  }
}
