import {
  type Batch,
  ConfigurationError,
  type Context,
  type DuplexLayer,
  formatAddress,
  type IpPacket,
  type Layer,
  parseAddress,
  type Service,
} from '@millrace/core'
import type { Observable } from 'rxjs'
import { Exhaustion, type NatEvent } from './exhaustion.ts'
import type { NatMetric } from './metrics.ts'
import type { Neighbours } from './running-nat.ts'
import type { NatImported } from './session-import.ts'
import type { NatRecord } from './session-records.ts'
import type { NatMapping } from './session-view.ts'
import { mappingsOf, type NatStatistics } from './statistics.ts'

export interface NatLayer extends DuplexLayer<IpPacket> {
  readonly name: string
  readonly events: Observable<NatEvent>
  /** Undefined before start. Allocates. */
  statistics(): NatStatistics | undefined
  /** Under the names that docs/nat.md lists; none before start. Allocates. */
  metrics(): readonly NatMetric[]
  /**
   * The live sessions, in no order, or those of one peer, by its name. What begins or ends while you iterate may be missing.
   * Allocates one at a time.
   */
  mappings(peer?: string): Iterable<NatMapping>
  /**
   * The live sessions and port blocks for another such layer to go on with, as in a restart or on a standby: plain records,
   * JSON as they stand, one at a time. Works after a stop too. What begins or ends while you iterate may be missing.
   */
  exportSessions(): Iterable<NatRecord>
  /**
   * Takes what `exportSessions` gave, between start and the first packets: sessions end when they would have ended, and
   * each peer gets its own back by its name. Believes nothing: what does not fit is refused and counted. Throws a
   * ConfigurationError before start, and where the first record is not the header of a version it knows.
   */
  importSessions(records: Iterable<unknown>): NatImported
  /** Gives an address of the pool to nothing new, so that it can be taken away when what it has is over; false undoes that. */
  drain(address: string, draining?: boolean): void
}

/** What a layer has from start to stop. Its methods are those of {@link NatLayer}. */
export interface RunningLayer {
  serve(batch: Batch<IpPacket>, inner: Service<IpPacket>, up: boolean): void
  /** `which` is a number in the pool. */
  setDraining(which: number, draining: boolean): void
  statistics(): NatStatistics
  metrics(): readonly NatMetric[]
  mappings(): Iterable<NatMapping>
  exportSessions(): Iterable<NatRecord>
  /** `name` is of the layer. */
  importSessions(records: Iterable<unknown>, name: string): NatImported
  stop(): void
}

export interface StatefulNatOptions {
  readonly name: string
  /** The outside addresses in their canonical form. */
  readonly pool: readonly string[]
  readonly start: (context: Context, neighbours: Neighbours, exhaustion: Exhaustion) => RunningLayer
}

/** A NAT with sessions, of whatever family. */
export class StatefulNat implements NatLayer {
  readonly name: string
  readonly up: Layer<IpPacket>
  readonly down: Layer<IpPacket>
  readonly #options: StatefulNatOptions
  readonly #exhaustion = new Exhaustion()
  readonly #neighbours: Neighbours = { host: undefined, wire: undefined }
  readonly #draining = new Set<number>()
  #running: RunningLayer | undefined

  constructor(options: StatefulNatOptions) {
    this.name = options.name
    this.#options = options
    this.up = {
      layer: (inner) => {
        this.#neighbours.host = inner
        return { serve: (batch) => this.#serve(batch, inner, true) }
      },
    }
    this.down = {
      layer: (inner) => {
        this.#neighbours.wire = inner
        return { serve: (batch) => this.#serve(batch, inner, false) }
      },
    }
  }

  get events(): Observable<NatEvent> {
    return this.#exhaustion.events
  }

  start(context: Context): void {
    this.#running = this.#options.start(context, this.#neighbours, this.#exhaustion)
    for (const which of this.#draining) this.#running.setDraining(which, true)
  }

  stop(): void {
    this.#running?.stop()
  }

  drain(address: string, draining = true): void {
    const { bytes, family } = parseAddress(address, `${this.name} drain`)
    const which = this.#options.pool.indexOf(formatAddress(bytes, 0, family))
    if (which < 0) throw new ConfigurationError(`${this.name} drain: expected an address of the pool, got "${address}"`)
    if (draining) this.#draining.add(which)
    else this.#draining.delete(which)
    this.#running?.setDraining(which, draining)
  }

  statistics(): NatStatistics | undefined {
    return this.#running?.statistics()
  }

  metrics(): readonly NatMetric[] {
    return this.#running?.metrics() ?? []
  }

  mappings(name?: string): Iterable<NatMapping> {
    return this.#running === undefined ? [] : mappingsOf(this.#running.mappings(), name)
  }

  exportSessions(): Iterable<NatRecord> {
    return this.#running?.exportSessions() ?? []
  }

  importSessions(records: Iterable<unknown>): NatImported {
    if (this.#running === undefined) {
      throw new ConfigurationError(`${this.name} importSessions: expected a layer that has been started`)
    }
    return this.#running.importSessions(records, this.name)
  }

  #serve(batch: Batch<IpPacket>, inner: Service<IpPacket>, up: boolean): void {
    if (this.#running === undefined) batch.sift(refuse)
    else this.#running.serve(batch, inner, up)
  }
}

function refuse(): string {
  return 'nat-not-started'
}
