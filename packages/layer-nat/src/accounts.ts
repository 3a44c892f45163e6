import type { Peer } from '@millrace/core'

/** Whose a session is: the peer that the packet came from, or its inside address where packets have no peer. */
export type Owner = Peer | number

/** The sessions of one owner. */
export interface Account {
  readonly owner: Owner
  sessions: number
}

/** Counts sessions by owner, and holds each to a limit. There are never more accounts than sessions. */
export class Accounts {
  readonly #limit: number
  readonly #accounts = new Map<Owner, Account>()

  constructor(limit: number) {
    this.#limit = limit
  }

  isFull(owner: Owner): boolean {
    return (this.#accounts.get(owner)?.sessions ?? 0) >= this.#limit
  }

  add(owner: Owner): Account {
    let account = this.#accounts.get(owner)
    if (account === undefined) {
      account = { owner, sessions: 0 }
      this.#accounts.set(owner, account)
    }
    account.sessions++
    return account
  }

  remove(account: Account): void {
    if (--account.sessions === 0) this.#accounts.delete(account.owner)
  }

  list(): readonly Account[] {
    return [...this.#accounts.values()].map((account) => ({ ...account }))
  }
}
