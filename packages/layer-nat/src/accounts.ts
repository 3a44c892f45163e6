import { type Peer, TokenBucket, type TokenBucketOptions } from '@millrace/core'
import { nameOf } from './egress.ts'

/** Whose a session is: the peer that the packet came from, or its inside address where packets have no peer. */
export type Owner = Peer | number

/** What one owner has. */
export interface Account {
  /** Of sessions from elsewhere, until its peer is seen for the first time: one that has no more than its name. */
  owner: Owner
  sessions: number
  /** Outside ports and ICMP identifiers held by mappings of its own. */
  ports: number
  /** Port blocks, those at rest included. */
  blocks: number
  /** Of new sessions; undefined without a limit. */
  readonly rate: TokenBucket | undefined
  /** Outside addresses for it, as numbers in the pool, the first choice first; undefined until asked for. */
  choices: readonly number[] | undefined
}

export interface AccountLimits {
  readonly sessionsPerPeer: number
  readonly portsPerPeer: number
  readonly newSessionsPerPeer: TokenBucketOptions | undefined
}

/** Who must know how long the inside addresses of owners are needed. */
export interface OwnerHolder {
  hold(address: number): void
  release(address: number): void
}

/** What each owner has and may have. There are never more accounts than sessions and port blocks. */
export class Accounts {
  readonly #limits: AccountLimits
  readonly #accounts = new Map<Owner, Account>()
  /** By name: of peers that have not been seen since their sessions came from elsewhere. */
  readonly #awaited = new Map<string, Account>()
  holder: OwnerHolder | undefined

  constructor(limits: AccountLimits) {
    this.#limits = limits
  }

  /** The owner's account; a new one is remembered from its first session on. */
  get(owner: Owner): Account {
    return this.#accounts.get(owner) ?? this.#handOver(owner) ?? this.#create(owner)
  }

  /** The account of a peer of which only the name is known; it becomes that of the first such peer to be seen. */
  await(name: string): Account {
    let account = this.#awaited.get(name)
    if (account === undefined) {
      account = this.#create({ name })
      this.#awaited.set(name, account)
    }
    return account
  }

  hasAllSessions(account: Account): boolean {
    return account.sessions >= this.#limits.sessionsPerPeer
  }

  hasAllPorts(account: Account): boolean {
    return account.ports >= this.#limits.portsPerPeer
  }

  add(account: Account): void {
    account.sessions++
    this.#keep(account)
  }

  remove(account: Account): void {
    account.sessions--
    this.#drop(account)
  }

  addBlock(account: Account): void {
    account.blocks++
    this.#keep(account)
  }

  removeBlock(account: Account): void {
    account.blocks--
    this.#drop(account)
  }

  /** Forgets those that were awaited and got nothing. */
  dropEmpty(): void {
    for (const account of this.#awaited.values()) this.#drop(account)
  }

  list(): readonly Account[] {
    return [...this.#accounts.values()]
  }

  #create(owner: Owner): Account {
    const { newSessionsPerPeer: limit } = this.#limits
    return { owner, sessions: 0, ports: 0, blocks: 0, rate: limit && new TokenBucket(limit), choices: undefined }
  }

  #handOver(owner: Owner): Account | undefined {
    if (this.#awaited.size === 0 || typeof owner === 'number') return undefined
    const account = this.#awaited.get(owner.name)
    if (account === undefined) return undefined
    this.#awaited.delete(owner.name)
    this.#accounts.delete(account.owner)
    account.owner = owner
    this.#accounts.set(owner, account)
    return account
  }

  #keep(account: Account): void {
    if (account.sessions + account.blocks !== 1) return
    const { owner } = account
    this.#accounts.set(owner, account)
    if (typeof owner === 'number') this.holder?.hold(owner)
  }

  #drop(account: Account): void {
    if (account.sessions + account.blocks > 0) return
    this.#accounts.delete(account.owner)
    const { owner } = account
    if (typeof owner === 'number') this.holder?.release(owner)
    else if (this.#awaited.get(owner.name) === account) this.#awaited.delete(owner.name)
  }
}

/** As operators are shown it. */
export function peerOf(owner: Owner): Peer | string {
  return typeof owner === 'number' ? nameOf(owner) : owner
}
