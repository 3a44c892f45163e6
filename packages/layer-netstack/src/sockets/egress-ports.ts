import { type Random, TCP, UDP } from '@millrace/core'
import type { EgressAddress } from '../egress/egress-options.ts'
import type { FlowPorts } from '../egress/flow-metrics.ts'
import { PortAllocator } from '../egress/port-allocator.ts'
import { portsOf, type SocketsSettings } from './options.ts'

/** The source ports of all egress addresses: TCP has its own for each destination, UDP for each flow. */
export class EgressPorts {
  readonly #tcp: readonly PortAllocator[]
  readonly #udp: readonly PortAllocator[]
  readonly #addresses: readonly EgressAddress[]

  constructor(addresses: readonly EgressAddress[], settings: SocketsSettings, random: Random) {
    this.#addresses = addresses
    this.#tcp = addresses.map(() => new PortAllocator(portsOf(settings, 'destination'), random))
    this.#udp = addresses.map(() => new PortAllocator(portsOf(settings, 'all'), random))
  }

  /** Undefined for a protocol without ports. */
  of({ index }: EgressAddress, protocol: number): PortAllocator | undefined {
    return protocol === TCP ? this.#tcp[index] : protocol === UDP ? this.#udp[index] : undefined
  }

  list(): readonly FlowPorts[] {
    return this.#addresses.flatMap(({ address, index }) => [
      { address, protocol: 'tcp', ports: this.#tcp[index] as PortAllocator },
      { address, protocol: 'udp', ports: this.#udp[index] as PortAllocator },
    ])
  }
}
