import type { Random } from '@millrace/core'
import type { Account } from './accounts.ts'
import { ENDPOINT_INDEPENDENT } from './behaviour.ts'
import { DestinationPorts, type OutsideLookup } from './destination-ports.ts'
import type { OutsidePorts, PortRefusal } from './outside-ports.ts'
import { type PortRange, PortSet } from './ports.ts'
import { ICMP, TCP, UDP } from './protocols.ts'

/** The ports of one outside address, from which all peers draw. */
export class RangePorts implements OutsidePorts {
  readonly #byDestination: DestinationPorts
  readonly #sets: (PortSet | undefined)[] = []

  /** `mapping` is the behaviour by protocol, `holdDown` in milliseconds. */
  constructor(address: number, range: PortRange, holdDown: number, mapping: Uint8Array, random: Random) {
    this.#byDestination = new DestinationPorts(address, range, random)
    for (const protocol of [ICMP, TCP, UDP]) {
      // Identifiers are no ports: nobody listens on them, so none is reserved.
      const given = protocol === ICMP ? { ...range, reserved: [] } : range
      if (mapping[protocol] === ENDPOINT_INDEPENDENT) this.#sets[protocol] = new PortSet(given, holdDown, random)
    }
  }

  take(
    protocol: number,
    taken: OutsideLookup,
    remote: number,
    remotePort: number,
    _account: Account,
    now: number,
  ): number | PortRefusal {
    const set = this.#sets[protocol]
    const port = set === undefined ? this.#byDestination.pick(taken, protocol, remote, remotePort) : set.take(now)
    return port < 0 ? 'ports-exhausted' : port
  }

  claim(protocol: number, port: number, _account: Account, now: number): boolean {
    const set = this.#sets[protocol]
    return set === undefined ? this.#byDestination.isUsable(port) : set.claim(port, now)
  }

  release(protocol: number, port: number, now: number): void {
    this.#sets[protocol]?.release(port, now)
  }

  capacity(protocol: number): number | undefined {
    return this.#sets[protocol]?.capacity
  }

  held(protocol: number): number {
    return this.#sets[protocol]?.held ?? 0
  }
}
