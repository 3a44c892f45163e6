/** What a flow holds of the limits. Each call after the first does nothing. */
export interface OpenFlow {
  /** The connection stands, or will not. */
  dialled(): void
  /** `now` in milliseconds. */
  close(now: number): void
}

/** Where it is given back. */
export interface FlowEnds<Account> {
  readonly endDial: (account: Account) => void
  readonly end: (account: Account, now: number) => void
}

export class FlowTicket<Account> implements OpenFlow {
  readonly #account: Account
  readonly #ends: FlowEnds<Account>
  #isDialling: boolean
  #isOpen = true

  constructor(account: Account, isDialling: boolean, ends: FlowEnds<Account>) {
    this.#account = account
    this.#isDialling = isDialling
    this.#ends = ends
  }

  dialled(): void {
    if (!this.#isDialling) return
    this.#isDialling = false
    this.#ends.endDial(this.#account)
  }

  close(now: number): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.dialled()
    this.#ends.end(this.#account, now)
  }
}
