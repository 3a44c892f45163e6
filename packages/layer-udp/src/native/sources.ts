import { type Clock, type LocalAddress, TokenBucket } from '@millrace/core'
import type { RouteWatch } from '@millrace/native'
import type { AddressBook } from './address-book.ts'
import type { NativeAddress, NativeLocal } from './addresses.ts'

/** Look-ups of routes, about 10 µs each. Beyond it a source address is used without one. */
const LOOKUPS = { perSecond: 2000, burst: 2000 }

/** From which local address a datagram may leave, and what is learnt when one turns out to be of no use. */
export class Sources {
  mark: number
  watch: RouteWatch | undefined
  /** Until then (Clock.now) nothing is looked up: most of those who are answered were never there. */
  overloadedUntil: number = Number.NEGATIVE_INFINITY
  readonly #book: AddressBook
  readonly #clock: Clock
  readonly #lookups = new TokenBucket(LOOKUPS)

  constructor(book: AddressBook, clock: Clock, mark: number) {
    this.#book = book
    this.#clock = clock
    this.mark = mark
  }

  /** `local` as the kernel has it, or undefined if the system is to choose. */
  sourceOf(local: LocalAddress, remote: NativeAddress): NativeLocal | undefined {
    const source = local.usable ? this.#book.local(local) : undefined
    if (source === undefined || this.#leadsBack(remote, source)) return source
    local.refuse()
    return undefined
  }

  /** The kernel sends from `source` no more: the address is gone, or nothing leads from it to there. */
  refuse(local: LocalAddress | undefined, source: NativeLocal): void {
    const known = !source.usable
    local?.refuse()
    source.refuse()
    source.checked = this.#book.generation
    if (this.watch === undefined && !known) this.#book.generation++
  }

  /**
   * Whether the way to `remote` from `source` leaves by the interface at which `source` was learnt. If not, the route has
   * changed or never was symmetric, and the source is forgotten as the kernel's WireGuard forgets it. IPv4 only, as there;
   * looked up once for each change of the host's routes.
   */
  #leadsBack(remote: NativeAddress, source: NativeLocal): boolean {
    const { generation } = this.#book
    const { watch } = this
    if (source.checked === generation || source.family === 6 || source.interfaceIndex === 0) return true
    const now = this.#clock.now()
    if (watch === undefined || now < this.overloadedUntil || !this.#lookups.take(now)) return true
    source.checked = generation
    const leaving = watch.interfaceTo(remote.words[1] as number, source.words[0] as number, this.mark)
    if (leaving <= 0 || leaving === source.interfaceIndex) return true
    source.refuse()
    return false
  }
}
