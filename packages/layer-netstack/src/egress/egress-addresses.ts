import { createHmac } from 'node:crypto'
import type { Random } from '@millrace/core'
import {
  type EgressAddress,
  type EgressOptions,
  type EgressOwner,
  type EgressSettings,
  readEgressOptions,
} from './egress-options.ts'

/** Why there is no address: none of this family, none for this owner or all drained, or no port on those that it may have. */
export type EgressRefusal = 'no-ipv4-egress' | 'no-ipv6-egress' | 'no-egress-address' | 'ports-exhausted'

/** Owners whose pairing is remembered; for others it is computed again. */
const REMEMBERED = 4096

/**
 * Which egress address whom is given. It never falls back to another than those that were meant: a third party that
 * lists addresses would see a foreign one.
 */
export class EgressAddresses {
  readonly #settings: EgressSettings
  readonly #byFamily: Readonly<Record<4 | 6, readonly EgressAddress[]>>
  readonly #secret: Uint8Array
  readonly #draining = new Set<EgressAddress>()
  readonly #paired = new Map<string, readonly EgressAddress[]>()

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: EgressOptions, random: Random) {
    this.#settings = readEgressOptions(options)
    const { addresses } = this.#settings
    this.#byFamily = {
      4: addresses.filter(({ family }) => family === 4),
      6: addresses.filter(({ family }) => family === 6),
    }
    const secret = new Uint8Array(32)
    random.fill(secret)
    this.#secret = options.secret === undefined ? secret : new TextEncoder().encode(options.secret)
  }

  get all(): readonly EgressAddress[] {
    return this.#settings.addresses
  }

  /** One that is drained is given to nobody anew. False if it is none of ours. */
  setDraining(address: string, draining: boolean): boolean {
    const known = this.all.find((one) => one.address === address)
    if (known === undefined) return false
    if (draining) this.#draining.add(known)
    else this.#draining.delete(known)
    return true
  }

  isDraining(address: EgressAddress): boolean {
    return this.#draining.has(address)
  }

  /** The address to try in this attempt (from 0 on), or why there is none. `start` is random, the same for all attempts. */
  choose(owner: EgressOwner, family: 4 | 6, attempt: number, start: number): EgressAddress | EgressRefusal {
    const { pick, overflow } = this.#settings
    if (this.#byFamily[family].length === 0) return family === 4 ? 'no-ipv4-egress' : 'no-ipv6-egress'
    const pinned = this.#settings.pinsOf(owner)
    if (attempt > 0 && (overflow === 'refuse' || pinned !== undefined)) return 'ports-exhausted'
    const choices = pinned?.filter((address) => address.family === family) ?? this.#choicesOf(owner, family)
    const first = pick === 'per-flow' ? start % choices.length : 0
    let seen = 0
    for (let i = 0; i < choices.length; i++) {
      const choice = choices[(first + i) % choices.length] as EgressAddress
      if (!this.#draining.has(choice) && seen++ === attempt) return choice
    }
    return seen === 0 ? 'no-egress-address' : 'ports-exhausted'
  }

  #choicesOf(owner: EgressOwner, family: 4 | 6): readonly EgressAddress[] {
    const { pick } = this.#settings
    const all = this.#byFamily[family]
    if (pick === 'pinned') return []
    if (pick === 'per-flow' || all.length === 1) return all
    const key = `${family}${owner.name}`
    const known = this.#paired.get(key)
    if (known !== undefined) return known
    const ranked = rank(this.#secret, owner.name, all)
    if (this.#paired.size >= REMEMBERED) this.#paired.clear()
    this.#paired.set(key, ranked)
    return ranked
  }
}

/**
 * Rendezvous: each pair of a name and an address has a score of its own, so one address more or less moves only those who
 * have it. Keyed, and by the address itself, not its place in the pool: who knows a pairing learns nothing about that at
 * another gateway.
 */
function rank(secret: Uint8Array, name: string, addresses: readonly EgressAddress[]): readonly EgressAddress[] {
  const scored = addresses.map((address) => {
    const score = createHmac('sha256', secret).update(address.bytes).update(name).digest().readUIntBE(0, 6)
    return { address, score }
  })
  return scored.sort((a, b) => b.score - a.score).map(({ address }) => address)
}
