import type { OnesComplement, Random } from '@millrace/core'
import type { Outbox } from '../ip/outbox.ts'

/** What a TCP stands on. */
export interface TcpSurroundings {
  /** Takes the packets that are to be sent. Whoever serves it releases them. */
  readonly outbox: Outbox
  /** Of the pool that the packets come from. */
  readonly sums: OnesComplement
  /** For what an attacker must not foresee. */
  readonly random: Random
  /** {@link Clock.now}, milliseconds: no `now` to come is before it. */
  readonly now: number
}

/** What a TCP holds at the moment. */
export interface TcpStatistics {
  /** In all states, TIME-WAIT included. */
  readonly connections: number
  /** Asked for by somebody outside and not established yet. */
  readonly halfOpen: number
  /** Bytes of buffer memory in use. */
  readonly memory: number
  /** RSTs and ICMP errors not sent, for want of packets or to keep within the rate; ever. */
  readonly answersUnsent: number
}
