import type { Observable } from 'rxjs'
import type { PacketPool } from '../packet/pool.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Random } from '../runtime/random.ts'
import type { Runtime, Token } from '../runtime/runtime.ts'
import type { DropStatistics, EdgeStatistics } from '../stack/edge.ts'

/** The control side of a layer or endpoint, all of it optional. Promises belong here and only here. */
export interface Lifecycle {
  /** The field's own word for it, as it stands in counters and logs: `wireguard`, `nat`, `udp`. */
  readonly name?: string
  /** Live events for the control path; the running stack merges them. Never one per packet. */
  readonly events?: Observable<object>
  /** Opens and arms whatever is needed. Called in the order wire, host, layers from the wire up; a rejection undoes the start. */
  start?(context: Context): void | Promise<void>
  /** Closes, flushes and wipes. Called after packets stopped coming in, with services further out still able to send. */
  stop?(): void | Promise<void>
  /** Counters of edges inside, for those that hold a stack of their own. */
  edges?(): readonly EdgeStatistics[]
  /** The same for drops that no edge saw. */
  drops?(): readonly DropStatistics[]
}

/** What a layer or endpoint is given when its stack starts. */
export interface Context {
  readonly name: string
  readonly runtime: Runtime
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The one packet memory of this data path. */
  readonly pool: PacketPool
  /** Aborted when the stack begins to stop. */
  readonly signal: AbortSignal
  /** Counts a packet that went no further outside of any batch: staged too long, not sent, never received. */
  drop(reason: string, packets?: number): void
  /** Offers something to the lines further up, as `wireguard` offers its peers to `allowedIps`. */
  provide<T>(token: Token<T>, value: T): void
  /** What a line further down provided, or undefined. */
  find<T>(token: Token<T>): T | undefined
  /** What a line further down provided. Fails the start, in plain words, when there is none. */
  require<T>(token: Token<T>, hint: string): T
}
