import {
  Batch,
  ConfigurationError,
  type Context,
  type DuplexLayer,
  formatAddress,
  type IpPacket,
  type Layer,
  parseAddress,
  type Service,
  Spare,
} from '@millrace/core'
import type { Observable } from 'rxjs'
import { Exhaustion, type NatEvent } from '../exhaustion.ts'
import type { NatMetric } from '../metrics.ts'
import type { NatStatistics } from '../nat.ts'
import type { NatMapping } from '../session-view.ts'
import { RunningTranslation } from './running-translation.ts'
import type { TranslationPlan } from './translation.ts'

/** A stateful NAT with IPv6 inside. */
export interface Ipv6NatLayer extends DuplexLayer<IpPacket> {
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
  /** Gives an address of the pool to nothing new, so that it can be taken away when what it has is over; false undoes that. */
  drain(address: string, draining?: boolean): void
}

/** {@link Ipv6NatLayer} by a plan. `pool` is the outside addresses in their canonical form. */
export class TranslatedNat implements Ipv6NatLayer {
  readonly name: string
  readonly up: Layer<IpPacket>
  readonly down: Layer<IpPacket>
  readonly #plan: TranslationPlan
  readonly #pool: readonly string[]
  readonly #exhaustion = new Exhaustion()
  readonly #batches = new Spare(() => new Batch<IpPacket>())
  readonly #draining = new Set<number>()
  #host: Service<IpPacket> | undefined
  #wire: Service<IpPacket> | undefined
  #running: RunningTranslation | undefined

  constructor(name: string, plan: TranslationPlan, pool: readonly string[]) {
    this.name = name
    this.#plan = plan
    this.#pool = pool
    this.up = {
      layer: (inner) => {
        this.#host = inner
        return { serve: (batch) => this.#serve(batch, inner, true) }
      },
    }
    this.down = {
      layer: (inner) => {
        this.#wire = inner
        return { serve: (batch) => this.#serve(batch, inner, false) }
      },
    }
  }

  get events(): Observable<NatEvent> {
    return this.#exhaustion.events
  }

  start(context: Context): void {
    this.#running = new RunningTranslation(
      this.#plan,
      context,
      { host: this.#host, wire: this.#wire },
      this.#exhaustion,
    )
    for (const which of this.#draining) this.#running.setDraining(which, true)
  }

  stop(): void {
    this.#running?.stop()
  }

  drain(address: string, draining = true): void {
    const { bytes, family } = parseAddress(address, `${this.name} drain`)
    const which = this.#pool.indexOf(formatAddress(bytes, 0, family))
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

  *mappings(name?: string): Generator<NatMapping> {
    if (this.#running === undefined) return
    for (const mapping of this.#running.mappings()) {
      const { peer } = mapping
      if (name === undefined || name === (typeof peer === 'string' ? peer : peer.name)) yield mapping
    }
  }

  #serve(batch: Batch<IpPacket>, inner: Service<IpPacket>, up: boolean): void {
    if (this.#running === undefined) {
      batch.sift(refuse)
      return
    }
    const ours = this.#batches.take()
    ours.drops = batch.drops
    this.#running.sort(batch, ours, up)
    if (batch.length > 0) inner.serve(batch)
    if (ours.length > 0) {
      if (up) this.#running.serveUp(ours)
      else this.#running.serveDown(ours)
    }
    ours.clear()
    this.#batches.giveBack(ours)
  }
}

function refuse(): string {
  return 'nat-not-started'
}
