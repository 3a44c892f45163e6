import type { Random } from '@millrace/core'
import { ENDPOINT_INDEPENDENT } from './behaviour.ts'
import { DestinationPorts } from './destination-ports.ts'
import { type PortRange, PortSet } from './ports.ts'
import { ICMP, TCP, UDP } from './protocols.ts'

/** Where the ports of one outside address come from, protocol by protocol. */
export class OutsidePorts {
  /** For protocols whose ports are shared by destinations. */
  readonly byDestination: DestinationPorts
  readonly #sets: (PortSet | undefined)[] = []

  /** `mapping` is the behaviour by protocol, `holdDown` in milliseconds. */
  constructor(range: PortRange, holdDown: number, mapping: Uint8Array, random: Random) {
    this.byDestination = new DestinationPorts(range, random)
    for (const protocol of [ICMP, TCP, UDP]) {
      // Identifiers are no ports: nobody listens on them, so none is reserved.
      const given = protocol === ICMP ? { ...range, reserved: [] } : range
      if (mapping[protocol] === ENDPOINT_INDEPENDENT) this.#sets[protocol] = new PortSet(given, holdDown, random)
    }
  }

  /** The ports of a protocol of which each has one inside endpoint; undefined where destinations share them. */
  set(protocol: number): PortSet | undefined {
    return this.#sets[protocol]
  }

  /** Ports that may be held, of a protocol of which each has one inside endpoint. */
  capacity(protocol: number): number | undefined {
    return this.#sets[protocol]?.capacity
  }

  held(protocol: number): number {
    return this.#sets[protocol]?.held ?? 0
  }
}
