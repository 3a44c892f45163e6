import { Burst, type IpPacket, type PacketPool, type Service, Spare } from '@millrace/core'

/** Packets that go on outside of the batch they came in: gathered while it is looked at, served behind it. */
export class Outlet {
  readonly #spare: Spare<Burst<IpPacket>>
  #burst: Burst<IpPacket>

  constructor(pool: PacketPool) {
    this.#spare = new Spare(() => new Burst(pool))
    this.#burst = this.#spare.take()
  }

  /** A packet of the batch under way, which stays its owner's. */
  lend(packet: IpPacket): void {
    this.#burst.lend(packet)
  }

  /** A packet of ours, released when it has been served. */
  push(packet: IpPacket): void {
    this.#burst.push(packet)
  }

  /** Serves what was gathered. What the service sends back at once is gathered anew. */
  flush(service: Service<IpPacket> | undefined): void {
    if (service === undefined || this.#burst.length === 0) return
    const burst = this.#burst
    this.#burst = this.#spare.take()
    burst.serve(service)
    this.#spare.giveBack(burst)
  }
}
