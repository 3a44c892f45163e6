import type { OnesComplement, Random } from '@millrace/core'
import type { IcmpErrors } from './icmp/icmp-errors.ts'
import type { Outbox } from './ip/outbox.ts'

/** What UDP and ICMP stand on. */
export interface StackSurroundings {
  /** Takes the packets that are to be sent. Whoever serves it releases them. */
  readonly outbox: Outbox
  /** Of the pool that the packets come from. */
  readonly sums: OnesComplement
  /** For what an attacker must not foresee. */
  readonly random: Random
  /** {@link Clock.now}, milliseconds: no `now` to come is before it. */
  readonly now: number
  /** Through which errors go out. */
  readonly errors: IcmpErrors
}
