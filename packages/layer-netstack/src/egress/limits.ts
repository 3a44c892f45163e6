import { type Peer, TokenBucket, type TokenBucketOptions } from '@millrace/core'
import { positive, whole } from './checks.ts'
import { FanOut } from './fan-out.ts'
import { type FlowEnds, FlowTicket, type OpenFlow } from './flow-ticket.ts'

/** Whose a flow is: a peer, or its inside address where packets have no peer. */
export type LimitOwner = Peer | string

/** What has run out. */
export type LimitRefusal =
  | 'peer-flows-exhausted'
  | 'flows-exhausted'
  | 'peer-dials-exhausted'
  | 'dials-exhausted'
  | 'peer-fan-out-exceeded'
  | 'peer-rate-exceeded'
  | 'rate-exceeded'

export interface FlowLimitOptions {
  /** Most flows at once. Default 16,384. */
  readonly flows?: number
  /** Most flows of one peer at once. Default a quarter of `flows`. */
  readonly flowsPerPeer?: number
  /** New flows of all peers. Default: as many as the other limits allow. */
  readonly newFlows?: TokenBucketOptions
  /** New flows of one peer. Default 1,000 a second, 2,000 at once. */
  readonly newFlowsPerPeer?: TokenBucketOptions
  /** Most connections being dialled at once. Default 3,072. */
  readonly dials?: number
  /** The same of one peer. Default two thirds of `dials`, so that who dials what never answers leaves room for others. */
  readonly dialsPerPeer?: number
  /** Most different destinations, address and port, of one peer's new flows a second: who has more is scanning. Default 512. */
  readonly destinationsPerPeer?: number
}

interface Account {
  readonly owner: LimitOwner
  readonly rate: TokenBucket
  readonly fanOut: FanOut
  flows: number
  dials: number
  /** When the last flow ended. */
  idleSince: number
}

/** Accounts of owners without a flow, kept until their rate is full again; those of more are forgotten early. */
const MAXIMUM_IDLE = 4096
const MAXIMUM = 2 ** 20

/**
 * How many flows there may be, at once and anew, of one peer and in all: so that no peer takes from the others. There are
 * no more accounts than flows and 4,096. Reads no clock; `now` is in milliseconds.
 */
export class FlowLimits {
  readonly #options: Required<Omit<FlowLimitOptions, 'newFlows'>>
  readonly #rate: TokenBucket | undefined
  readonly #active = new Map<LimitOwner, Account>()
  /** In the order in which they became idle. */
  readonly #idle = new Map<LimitOwner, Account>()
  /** After so long without a flow an account is as good as new. */
  readonly #forgetAfter: number
  readonly #ends: FlowEnds<Account> = {
    endDial: (account) => this.#addDials(account, -1),
    end: (account, now) => this.#close(account, now),
  }
  #flows = 0
  #dials = 0

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: FlowLimitOptions = {}) {
    this.#options = readOptions(options)
    const { newFlowsPerPeer } = this.#options
    this.#rate = options.newFlows && new TokenBucket(options.newFlows)
    this.#forgetAfter = Math.max(1000, (newFlowsPerPeer.burst / newFlowsPerPeer.perSecond) * 1000)
  }

  get flows(): number {
    return this.#flows
  }

  /** The most there may be. */
  get maximumFlows(): number {
    return this.#options.flows
  }

  get dials(): number {
    return this.#dials
  }

  /** Owners of whom something is remembered. */
  get size(): number {
    return this.#active.size + this.#idle.size
  }

  flowsOf(owner: LimitOwner): number {
    return this.#active.get(owner)?.flows ?? 0
  }

  /**
   * A new flow to a destination (see `destinationKey`), or why there may be none. One that `dials` counts as being
   * dialled until `dialled` or `close` is called.
   */
  open(owner: LimitOwner, destination: string, now: number, dials: boolean): OpenFlow | LimitRefusal {
    this.#forget(now)
    const account = this.#active.get(owner) ?? this.#idle.get(owner) ?? this.#newAccount(owner)
    const refusal = this.#refusal(account, destination, now, dials)
    if (refusal !== undefined) {
      // Or who is refused for his rate could come back as a stranger.
      if (account.flows === 0) this.#keepIdle(account, now)
      return refusal
    }
    this.#idle.delete(owner)
    this.#active.set(owner, account)
    account.flows++
    this.#flows++
    if (dials) this.#addDials(account, 1)
    return new FlowTicket(account, dials, this.#ends)
  }

  #refusal(account: Account, destination: string, now: number, dials: boolean): LimitRefusal | undefined {
    const { flows, flowsPerPeer, dials: maximumDials, dialsPerPeer } = this.#options
    if (account.flows >= flowsPerPeer) return 'peer-flows-exhausted'
    if (this.#flows >= flows) return 'flows-exhausted'
    if (dials && account.dials >= dialsPerPeer) return 'peer-dials-exhausted'
    if (dials && this.#dials >= maximumDials) return 'dials-exhausted'
    if (!account.fanOut.allow(destination, now)) return 'peer-fan-out-exceeded'
    if (!account.rate.take(now)) return 'peer-rate-exceeded'
    if (this.#rate?.take(now) === false) return 'rate-exceeded'
    return undefined
  }

  #newAccount(owner: LimitOwner): Account {
    const { newFlowsPerPeer, destinationsPerPeer } = this.#options
    const rate = new TokenBucket(newFlowsPerPeer)
    return { owner, rate, fanOut: new FanOut(destinationsPerPeer), flows: 0, dials: 0, idleSince: 0 }
  }

  #addDials(account: Account, count: 1 | -1): void {
    account.dials += count
    this.#dials += count
  }

  #close(account: Account, now: number): void {
    this.#flows--
    if (--account.flows > 0) return
    this.#active.delete(account.owner)
    this.#keepIdle(account, now)
  }

  #keepIdle(account: Account, now: number): void {
    account.idleSince = now
    this.#idle.delete(account.owner)
    this.#idle.set(account.owner, account)
    this.#forget(now)
  }

  #forget(now: number): void {
    for (const [owner, { idleSince }] of this.#idle) {
      if (this.#idle.size <= MAXIMUM_IDLE && now - idleSince < this.#forgetAfter) return
      this.#idle.delete(owner)
    }
  }
}

function readOptions(options: FlowLimitOptions): Required<Omit<FlowLimitOptions, 'newFlows'>> {
  const { flows = 16_384, dials = 3072, destinationsPerPeer = 512 } = options
  const { flowsPerPeer = Math.ceil(flows / 4), dialsPerPeer = Math.ceil((dials * 2) / 3) } = options
  const { newFlows, newFlowsPerPeer = { perSecond: 1000, burst: 2000 } } = options
  const numbers = { flows, flowsPerPeer, dials, dialsPerPeer, destinationsPerPeer }
  for (const [name, value] of Object.entries(numbers)) whole(name, value, 1, MAXIMUM)
  for (const [name, rate] of Object.entries({ newFlows, newFlowsPerPeer })) {
    if (rate === undefined) continue
    positive(`${name}.perSecond`, rate.perSecond)
    whole(`${name}.burst`, rate.burst, 1, MAXIMUM)
  }
  return { ...numbers, newFlowsPerPeer }
}
