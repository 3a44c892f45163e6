import type { Random } from '@millrace/core'
import type { Account } from './accounts.ts'
import { ENDPOINT_INDEPENDENT } from './behaviour.ts'
import { DestinationPorts, type OutsideLookup, PORT_TRIES } from './destination-ports.ts'
import { EndpointPorts } from './endpoint-ports.ts'
import type { OutsidePorts, PortRefusal } from './outside-ports.ts'
import { PortBlocks, type PortBlocksOptions } from './port-blocks.ts'
import type { PortRange } from './ports.ts'
import { ICMP, TCP, UDP } from './protocols.ts'

/** The ports of one outside address, of which each peer has blocks of its own. */
export class BlockPorts implements OutsidePorts {
  readonly blocks: PortBlocks
  readonly #byDestination: DestinationPorts
  readonly #byEndpoint: (EndpointPorts | undefined)[] = []
  readonly #random: Random

  /** `mapping` is the behaviour by protocol. */
  constructor(range: PortRange, mapping: Uint8Array, options: Omit<PortBlocksOptions, 'first' | 'count' | 'isUsable'>) {
    const { address, size, rest, random } = options
    const { first, last } = range
    const reserved = new Set(range.reserved)
    this.#random = random
    const count = Math.floor((last - first + 1) / size)
    this.#byDestination = new DestinationPorts(address, range, random)
    for (const protocol of [ICMP, TCP, UDP]) {
      if (mapping[protocol] !== ENDPOINT_INDEPENDENT) continue
      // Identifiers are no ports: nobody listens on them, so none is reserved.
      const isReserved = (port: number): boolean => protocol !== ICMP && reserved.has(port)
      this.#byEndpoint[protocol] = new EndpointPorts(first, count * size, isReserved, rest, random)
    }
    const isUsable = (from: number, to: number): boolean => {
      for (let port = from; port <= to; port++) if (!reserved.has(port)) return true
      return false
    }
    this.blocks = new PortBlocks({ ...options, first, count, isUsable })
  }

  /** From a block that the account has, else from one more, else one that ought to rest a little longer. */
  take(
    protocol: number,
    taken: OutsideLookup,
    remote: number,
    remotePort: number,
    account: Account,
    now: number,
  ): number | PortRefusal {
    const { blocks } = this
    const own = blocks.of(account)
    const start = own.length > 1 ? this.#random.uint32() : 0
    const set = this.#byEndpoint[protocol]
    // However many blocks there are, the tries are as many as for one range.
    const tries = Math.ceil(PORT_TRIES / Math.max(own.length, 1))
    const free = (block: number): number =>
      set === undefined
        ? this.#byDestination.pickWithin(blocks.first(block), blocks.size, tries, taken, protocol, remote, remotePort)
        : set.take(blocks.first(block), blocks.size, now)
    const resting = (block: number): number => set?.takeResting(blocks.first(block), blocks.size) ?? free(block)
    const among = (pick: (block: number) => number): number => {
      let port = -1
      for (let i = 0; i < own.length && port < 0; i++) port = pick(own[(start + i) % own.length] as number)
      return port
    }
    const of = (block: number, pick: (block: number) => number): number => (block < 0 ? -1 : pick(block))

    let port = among(free)
    if (port < 0) port = of(blocks.allot(account, now), free)
    if (port < 0 && set !== undefined) port = among(resting)
    if (port < 0) port = of(blocks.allotResting(account, now), resting)
    const refusal = blocks.hasAll(account) ? 'peer-ports-exhausted' : 'blocks-exhausted'
    if (port >= 0) blocks.hold(blocks.blockOf(port))
    blocks.tell()
    return port >= 0 ? port : refusal
  }

  claim(protocol: number, port: number, account: Account, now: number): boolean {
    const { blocks } = this
    const block = blocks.blockOf(port)
    if (block < 0 || (protocol !== ICMP && !this.#byDestination.isUsable(port))) return false
    if (!blocks.claim(block, account, now)) return false
    const isFree = this.#byEndpoint[protocol]?.claim(port, now) !== false
    if (isFree) blocks.hold(block)
    return isFree
  }

  release(protocol: number, port: number, now: number): void {
    this.#byEndpoint[protocol]?.release(port, now)
    this.blocks.release(this.blocks.blockOf(port), now)
  }

  capacity(protocol: number): number | undefined {
    return this.#byEndpoint[protocol]?.capacity
  }

  held(protocol: number): number {
    return this.#byEndpoint[protocol]?.held ?? 0
  }
}
