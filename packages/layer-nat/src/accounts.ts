import { type Peer, TokenBucket, type TokenBucketOptions } from '@millrace/core'

/** Whose a session is: the peer that the packet came from, or its inside address where packets have no peer. */
export type Owner = Peer | number

/** What one owner has. */
export interface Account {
  readonly owner: Owner
  sessions: number
  /** Outside ports and ICMP identifiers held by mappings of its own. */
  ports: number
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

/** What each owner has and may have. There are never more accounts than sessions. */
export class Accounts {
  readonly #limits: AccountLimits
  readonly #accounts = new Map<Owner, Account>()

  constructor(limits: AccountLimits) {
    this.#limits = limits
  }

  /** The owner's account; a new one is remembered from its first session on. */
  get(owner: Owner): Account {
    const known = this.#accounts.get(owner)
    if (known !== undefined) return known
    const { newSessionsPerPeer: limit } = this.#limits
    return { owner, sessions: 0, ports: 0, rate: limit && new TokenBucket(limit), choices: undefined }
  }

  hasAllSessions(account: Account): boolean {
    return account.sessions >= this.#limits.sessionsPerPeer
  }

  hasAllPorts(account: Account): boolean {
    return account.ports >= this.#limits.portsPerPeer
  }

  add(account: Account): void {
    if (account.sessions++ === 0) this.#accounts.set(account.owner, account)
  }

  remove(account: Account): void {
    if (--account.sessions === 0) this.#accounts.delete(account.owner)
  }

  list(): readonly Account[] {
    return [...this.#accounts.values()]
  }
}
