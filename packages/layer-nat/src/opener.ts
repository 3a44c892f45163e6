import type { Random } from '@millrace/core'
import type { Account } from './accounts.ts'
import { ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT } from './behaviour.ts'
import type { Egress } from './egress.ts'
import type { Mappings } from './mappings.ts'
import type { OutsidePorts } from './outside-ports.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { Sessions } from './sessions.ts'

/** Chooses outside addresses and ports for what is new. */
export class Opener {
  readonly #sessions: Sessions
  readonly #mappings: Mappings
  readonly #egress: Egress
  readonly #ports: readonly OutsidePorts[]
  readonly #mapping: Uint8Array
  readonly #random: Random
  /** What the last call has found. */
  address = 0
  port = 0

  constructor(
    sessions: Sessions,
    mappings: Mappings,
    egress: Egress,
    ports: readonly OutsidePorts[],
    mapping: Uint8Array,
    random: Random,
  ) {
    this.#sessions = sessions
    this.#mappings = mappings
    this.#egress = egress
    this.#ports = ports
    this.#mapping = mapping
    this.#random = random
  }

  take(address: number, port: number): void {
    this.address = address
    this.port = port
  }

  /** Finds an outside address with a free port and sets `address` and `port`, or returns why there is none. */
  find(
    protocol: number,
    remote: number,
    remotePort: number,
    account: Account,
    now: number,
  ): 'no-outside-address' | 'ports-exhausted' | undefined {
    const start = this.#egress.length === 1 ? 0 : this.#random.uint32()
    for (let attempt = 0; attempt < this.#egress.length; attempt++) {
      const which = this.#egress.choose(account, attempt, start)
      if (which < 0) return attempt === 0 ? 'no-outside-address' : 'ports-exhausted'
      this.address = this.#egress.address(which)
      this.port = this.#portOf(this.#ports[which] as OutsidePorts, protocol, remote, remotePort, now)
      if (this.port >= 0) return undefined
    }
    return 'ports-exhausted'
  }

  /** Gives back the port of a shared mapping that has ended. */
  release(protocol: number, address: number, port: number, now: number): void {
    for (let which = 0; which < this.#egress.length; which++) {
      if (this.#egress.address(which) === address) this.#ports[which]?.set(protocol)?.release(port, now)
    }
  }

  #portOf(ports: OutsidePorts, protocol: number, remote: number, remotePort: number, now: number): number {
    const { address } = this
    const set = this.#mapping[protocol] === ENDPOINT_INDEPENDENT ? ports.set(protocol) : undefined
    if (set !== undefined) return set.take(now)
    if (protocol !== TCP && protocol !== UDP && protocol !== ICMP) {
      // No ports to tell two inside hosts apart: one of them at a time may talk to one remote address.
      return this.#sessions.findOutside(protocol, address, 0, remote, 0) < 0 ? 0 : -1
    }
    const shared = this.#mapping[protocol] === ADDRESS_DEPENDENT
    const taken = shared ? this.#mappings : this.#sessions
    return ports.byDestination.pick(taken, protocol, address, remote, shared ? 0 : remotePort)
  }
}
