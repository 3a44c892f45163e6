import type { Context, Endpoint, Service } from '../contract/index.ts'
import { parseSocketAddress } from '../ip/address.ts'
import type { SocketAddress } from '../ip/socket-address.ts'
import { Burst } from '../packet/burst.ts'
import { asDatagram } from '../packet/kind.ts'
import type { Datagram } from '../packet/packet.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

/** One end of a {@link SimulatedNetwork}: takes the place of `udp()` in a stack. */
export class SimulatedUdp implements Endpoint<Datagram> {
  readonly name = 'simulated-udp'
  readonly #network: SimulatedNetwork
  #address: SocketAddress
  #stack: Service<Datagram> | undefined
  #context: Context | undefined
  #held: { readonly bytes: Uint8Array; readonly from: SocketAddress }[] | undefined
  #heldAtMost = 0

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
    this.#held = undefined
  }

  /** Moves to another address, as a laptop does; what is under way to the old one is lost. */
  move(address: string): void {
    this.#network.detach(this, this.#address)
    this.#address = parseSocketAddress(address)
    if (this.#context !== undefined) this.#network.attach(this, this.#address)
  }

  /** Nobody reads the socket: what comes in waits, `atMost` datagrams of it; more are lost. */
  hold(atMost = 0): void {
    this.#held ??= []
    this.#heldAtMost = atMost
  }

  /** Reads what waits, in order, and goes on reading. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const { bytes, from } of held) this.deliver(bytes, from)
  }

  deliver(bytes: Uint8Array, from: SocketAddress): void {
    if (this.#held !== undefined) {
      if (this.#held.length < this.#heldAtMost) this.#held.push({ bytes, from })
      return
    }
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
      this.#network.send(context.clock, { from: this.#address, to: packet.remote, bytes: bytes.slice(at, at + step) })
    }
  }
}
