interface Entry {
  readonly addresses: readonly string[]
  readonly until: number
}

const DAY = 86_400_000

/** What name servers said, for as long as they said it holds, a bounded number: the one not used for longest goes first. */
export class DnsCache {
  readonly #limit: number
  readonly #entries = new Map<string, Entry>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, now: number): readonly string[] | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.until <= now) return undefined
    this.#entries.set(key, entry)
    return entry.addresses
  }

  /** `ttl` in seconds; 0 is not kept (RFC 1035 §3.2.1), and nothing longer than a day. */
  set(key: string, addresses: readonly string[], ttl: number, now: number): void {
    this.#entries.delete(key)
    if (!(ttl > 0)) return
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= this.#limit && oldest !== undefined) this.#entries.delete(oldest)
    this.#entries.set(key, { addresses, until: now + Math.min(ttl * 1000, DAY) })
  }
}
