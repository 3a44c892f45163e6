import { createHmac } from 'node:crypto'
import { halfSipHash } from '@millrace/core'
import type { Account, Owner } from './accounts.ts'

/** How an outside address is picked from several; see `NatOptions.pick`. */
export type NatPick = 'paired' | 'pinned' | 'per-flow'

export interface EgressSettings {
  /** As unsigned numbers. */
  readonly addresses: readonly number[]
  readonly pick: NatPick
  readonly overflow: 'refuse' | 'next'
  /** Numbers in `addresses` by the peer's name, or the inside address as text. */
  readonly pins: ReadonlyMap<string, number>
  readonly secret: Uint8Array
  /** Of owners that are no peers, where their addresses stand for others. */
  readonly nameOf?: (owner: Owner) => string
}

/** Which outside address whom is given. Addresses go by their number in the pool. */
export class Egress {
  readonly #settings: EgressSettings
  readonly #all: readonly number[]
  readonly #draining: Uint8Array
  readonly #nameOf: (owner: Owner) => string

  constructor(settings: EgressSettings) {
    this.#settings = settings
    this.#nameOf = settings.nameOf ?? nameOf
    this.#all = settings.addresses.map((_, i) => i)
    this.#draining = new Uint8Array(settings.addresses.length)
  }

  get length(): number {
    return this.#all.length
  }

  address(which: number): number {
    return this.#settings.addresses[which] as number
  }

  /** One that is drained is given to nobody anew. */
  setDraining(which: number, draining: boolean): void {
    this.#draining[which] = draining ? 1 : 0
  }

  isDraining(which: number): boolean {
    return this.#draining[which] === 1
  }

  /** The address to try in this attempt (from 0 on), or -1. `start` is random, the same for all attempts. */
  choose(account: Account, attempt: number, start: number): number {
    const { pick, overflow } = this.#settings
    if (attempt > 0 && (overflow === 'refuse' || pick === 'pinned')) return -1
    if (account.choices === undefined) account.choices = this.#choicesOf(account.owner)
    const { choices } = account
    const first = pick === 'per-flow' ? start % choices.length : 0
    let seen = 0
    for (let i = 0; i < choices.length; i++) {
      const which = choices[(first + i) % choices.length] as number
      if (this.#draining[which] === 0 && seen++ === attempt) return which
    }
    return -1
  }

  #choicesOf(owner: Owner): readonly number[] {
    const { pick, addresses, secret } = this.#settings
    if (pick === 'pinned') return this.#pinOf(owner)
    if (pick === 'per-flow' || this.#all.length === 1) return this.#all
    // Rendezvous: each pair has a score of its own, so one address more or less moves only those who have it. Keyed, so
    // that who knows one pairing learns nothing about another gateway's.
    const digest = createHmac('sha256', secret).update(this.#nameOf(owner)).digest()
    const [key0, key1, a, b] = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at)) as [number, number, number, number]
    const scores = addresses.map((address) => halfSipHash(key0, key1, Int32Array.of(address, a, b), 3))
    return [...this.#all].sort((x, y) => (scores[y] as number) - (scores[x] as number))
  }

  #pinOf(owner: Owner): readonly number[] {
    const which = this.#settings.pins.get(this.#nameOf(owner))
    return which === undefined ? [] : [which]
  }
}

/** The peer's name, or the inside address as text. Allocates. */
export function nameOf(owner: Owner): string {
  if (typeof owner !== 'number') return owner.name
  return `${owner >>> 24}.${(owner >>> 16) & 255}.${(owner >>> 8) & 255}.${owner & 255}`
}
