import type { Random } from '@millrace/core'
import type { Account } from './accounts.ts'
import { ADDRESS_DEPENDENT } from './behaviour.ts'
import type { Egress } from './egress.ts'
import type { Mappings } from './mappings.ts'
import type { OutsidePorts, PortRefusal } from './outside-ports.ts'
import { hasPorts } from './protocols.ts'
import type { Sessions } from './sessions.ts'

/** Chooses outside addresses and ports for what is new. */
export class Opener {
  readonly #sessions: Sessions
  readonly #mappings: Mappings
  readonly #egress: Egress
  readonly #ports: readonly OutsidePorts[]
  readonly #mapping: Uint8Array
  readonly #random: Random
  /** Number in the pool by outside address. */
  readonly #places: ReadonlyMap<number, number>
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
    this.#places = new Map(ports.map((_, which) => [egress.address(which), which]))
  }

  set(address: number, port: number): void {
    this.address = address
    this.port = port
  }

  /** Finds an outside address with a free port, holds it and sets `address` and `port`, or returns why there is none. */
  find(
    protocol: number,
    remote: number,
    remotePort: number,
    account: Account,
    now: number,
  ): 'no-outside-address' | PortRefusal | undefined {
    const start = this.#egress.length === 1 ? 0 : this.#random.uint32()
    let refusal: 'no-outside-address' | PortRefusal = 'no-outside-address'
    for (let attempt = 0; attempt < this.#egress.length; attempt++) {
      const which = this.#egress.choose(account, attempt, start)
      if (which < 0) return refusal
      this.address = this.#egress.address(which)
      const port = this.#portOf(which, protocol, remote, remotePort, account, now)
      if (typeof port === 'number') {
        this.port = port
        return undefined
      }
      refusal = port
    }
    return refusal
  }

  /** Whether an address is of the pool. */
  isOurs(address: number): boolean {
    return this.#places.has(address)
  }

  /** Holds this very address and port, of which nothing has the tuple. False if they are not the account's to have. */
  claim(protocol: number, address: number, port: number, account: Account, now: number): boolean {
    const which = this.#places.get(address)
    if (which === undefined) return false
    if (!hasPorts(protocol)) return port === 0
    return (this.#ports[which] as OutsidePorts).claim(protocol, port, account, now)
  }

  /** Gives back what was found or claimed. */
  release(protocol: number, address: number, port: number, now: number): void {
    if (hasPorts(protocol)) this.#ports[this.#places.get(address) as number]?.release(protocol, port, now)
  }

  #portOf(
    which: number,
    protocol: number,
    remote: number,
    remotePort: number,
    account: Account,
    now: number,
  ): number | PortRefusal {
    if (!hasPorts(protocol)) {
      // No ports to tell two inside hosts apart: one of them at a time may talk to one remote address.
      return this.#sessions.findOutside(protocol, this.address, 0, remote, 0) < 0 ? 0 : 'ports-exhausted'
    }
    const shared = this.#mapping[protocol] === ADDRESS_DEPENDENT
    const taken = shared ? this.#mappings : this.#sessions
    const ports = this.#ports[which] as OutsidePorts
    return ports.take(protocol, taken, remote, shared ? 0 : remotePort, account, now)
  }
}
