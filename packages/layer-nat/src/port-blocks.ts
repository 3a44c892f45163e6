import type { Random } from '@millrace/core'
import type { Account, Accounts } from './accounts.ts'
import { ExpiryList } from './expiry-list.ts'
import { FreeBlocks } from './free-blocks.ts'
import type { PortBlockLog } from './port-block-log.ts'

/** How a range of ports is cut. What is left at its end is not used. */
export interface BlockSize {
  /** Ports of a block. */
  readonly size: number
  /** Most blocks of one peer on one outside address. */
  readonly perPeer: number
}

export interface PortBlocksOptions extends BlockSize {
  readonly address: number
  /** The first port of the first block. */
  readonly first: number
  readonly count: number
  /** Milliseconds for which a block without a port in use stays its peer's. */
  readonly rest: number
  readonly accounts: Accounts
  readonly random: Random
  readonly log: PortBlockLog | undefined
  /** Whether a block has a port that is not reserved. */
  readonly isUsable: (first: number, last: number) => boolean
}

const NONE: readonly number[] = []

/**
 * Who has which block of ports of one outside address: TCP and UDP ports and ICMP identifiers alike. Blocks are picked at
 * random (RFC 6056), and stay their peer's until none of their ports has been in use for a while.
 */
export class PortBlocks {
  readonly #options: PortBlocksOptions
  readonly #own = new Map<Account, number[]>()
  /** By block; undefined while it is nobody's. */
  readonly #owner: (Account | undefined)[]
  readonly #used: Uint32Array
  readonly #free: FreeBlocks
  /** Those that are somebody's and have no port in use. */
  readonly #resting: ExpiryList
  readonly #untold: { event: 'alloc' | 'free'; account: Account; block: number; now: number }[] = []
  #isTelling = false
  readonly #capacity: number

  constructor(options: PortBlocksOptions) {
    const { count, rest, isUsable } = options
    this.#options = options
    this.#owner = new Array<Account | undefined>(count).fill(undefined)
    this.#used = new Uint32Array(count)
    this.#free = new FreeBlocks(count, options.random)
    this.#resting = new ExpiryList(count, rest)
    for (let block = 0; block < count; block++) {
      if (isUsable(this.first(block), this.last(block))) this.#free.add(block)
    }
    this.#capacity = this.#free.length
  }

  get size(): number {
    return this.#options.size
  }

  /** Blocks that may be given out. */
  get capacity(): number {
    return this.#capacity
  }

  /** Blocks that are somebody's, those at rest included. */
  get inUse(): number {
    return this.#capacity - this.#free.length
  }

  first(block: number): number {
    return this.#options.first + block * this.#options.size
  }

  last(block: number): number {
    return this.first(block) + this.#options.size - 1
  }

  /** The block that a port is in, or -1. */
  blockOf(port: number): number {
    const block = Math.floor((port - this.#options.first) / this.#options.size)
    return block >= 0 && block < this.#options.count ? block : -1
  }

  ownerOf(block: number): Account | undefined {
    return this.#owner[block]
  }

  /** Ports in use of a block: one for each mapping, or session where ports are shared by destinations. */
  used(block: number): number {
    return this.#used[block] as number
  }

  /** The blocks that are somebody's. Allocates. */
  list(): readonly number[] {
    return [...this.#own.values()].flat()
  }

  /** The blocks of an account, in the order it got them. */
  of(account: Account): readonly number[] {
    return this.#own.get(account) ?? NONE
  }

  /** Whether the account may have no more blocks of this address. */
  hasAll(account: Account): boolean {
    return this.of(account).length >= this.#options.perPeer
  }

  /** Gives the account a block that is nobody's, or returns -1: there is none, or it has all it may have. */
  allot(account: Account, now: number): number {
    const block = this.hasAll(account) ? -1 : this.#free.draw()
    if (block >= 0) this.#give(block, account, now)
    return block
  }

  /** Gives the account the block that has rested longest, though not long enough; -1 as with `allot`. */
  allotResting(account: Account, now: number): number {
    if (this.hasAll(account)) return -1
    const block = this.#resting.due(Number.POSITIVE_INFINITY)
    if (block < 0) return -1
    this.#takeBack(block, now)
    this.#give(block, account, now)
    return block
  }

  /** Gives the account this very block, unless it is its own already. False if it cannot be. */
  claim(block: number, account: Account, now: number): boolean {
    if (this.#owner[block] === account) return true
    if (this.hasAll(account) || !this.#free.remove(block)) return false
    this.#give(block, account, now)
    return true
  }

  /** One port more of a block that is somebody's is in use. */
  hold(block: number): void {
    if (this.#used[block] === 0) this.#resting.remove(block)
    this.#used[block] = (this.#used[block] as number) + 1
  }

  /** One port less. */
  release(block: number, now: number): void {
    const used = (this.#used[block] as number) - 1
    this.#used[block] = used
    if (used === 0) this.#resting.add(block, now)
  }

  /** Takes back what has rested long enough. */
  expire(now: number): void {
    for (let block = this.#resting.due(now); block >= 0; block = this.#resting.due(now)) {
      this.#takeBack(block, now)
      this.#free.add(block)
    }
    this.tell()
  }

  /** Writes to the log what has changed since: whoever writes it may look at the table, which must be in order by then. */
  tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    const { log, address } = this.#options
    // It grows while the writer looks at the table.
    for (const { event, account, block, now } of this.#untold) {
      log?.write(event, account.owner, address, this.first(block), this.last(block), now)
    }
    this.#untold.length = 0
    this.#isTelling = false
  }

  /** A block is at rest from the moment it is given until a port of it is held. */
  #give(block: number, account: Account, now: number): void {
    this.#owner[block] = account
    const own = this.#own.get(account)
    if (own === undefined) this.#own.set(account, [block])
    else own.push(block)
    this.#options.accounts.addBlock(account)
    this.#resting.add(block, now)
    this.#note('alloc', account, block, now)
  }

  #takeBack(block: number, now: number): void {
    const account = this.#owner[block] as Account
    this.#resting.remove(block)
    this.#owner[block] = undefined
    const rest = this.of(account).filter((other) => other !== block)
    if (rest.length === 0) this.#own.delete(account)
    else this.#own.set(account, rest)
    this.#options.accounts.removeBlock(account)
    this.#note('free', account, block, now)
  }

  #note(event: 'alloc' | 'free', account: Account, block: number, now: number): void {
    if (this.#options.log !== undefined) this.#untold.push({ event, account, block, now })
  }
}
