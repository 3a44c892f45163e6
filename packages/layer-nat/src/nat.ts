import {
  type Batch,
  ConfigurationError,
  type Context,
  type DuplexLayer,
  type IcmpAnswerStatistics,
  type IpPacket,
  ipv4ToNumber,
  type Layer,
  type Peer,
  type Service,
} from '@millrace/core'
import type { Observable } from 'rxjs'
import { peerOf } from './accounts.ts'
import { blocksOf, type NatPortBlocks } from './block-view.ts'
import { Exhaustion, type NatEvent, type NatResource } from './exhaustion.ts'
import { metricsOf, type NatMetric } from './metrics.ts'
import type { NatOptions } from './options.ts'
import { type Neighbours, RunningNat } from './running-nat.ts'
import type { NatImported } from './session-import.ts'
import type { NatRecord } from './session-records.ts'
import type { NatMapping } from './session-view.ts'
import { type NatSettings, readOptions } from './settings.ts'
import type { NatTableCounts } from './table-options.ts'

/** A snapshot of a running NAT. */
export interface NatStatistics {
  readonly sessions: NatTableCounts
  /** Most sessions at once. */
  readonly capacity: number
  /** Packets that would have begun a session, by what had run out. */
  readonly refused: Readonly<Record<NatResource, number>>
  /** Sessions and shared ports of each peer that has any; by inside address, as text, where packets have no peer. */
  readonly peers: readonly { readonly peer: Peer | string; readonly sessions: number; readonly ports: number }[]
  /** ICMP errors of our own, to the inside and to the outside. */
  readonly errorsInside: IcmpAnswerStatistics
  readonly errorsOutside: IcmpAnswerStatistics
  /** TCP resets of our own, to the inside; undefined with `unknownTcp: 'drop'`. */
  readonly resets: IcmpAnswerStatistics | undefined
  /** Undefined without `portBlocks`. */
  readonly portBlocks: NatPortBlocks | undefined
}

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

/**
 * NAT to static IPv4 addresses: TCP, UDP and ICMP echo of all peers leave under `address` and the answers find back
 * (RFC 4787, RFC 5382, RFC 5508, RFC 7857, RFC 6888); docs/nat.md says how, item by item. Up is from the inside, down
 * from the outside.
 *
 *     stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers })).layer(allowedIps())
 *       .layer(nat({ address: '203.0.113.7' }))
 *       .end(tun({ name: 'egress0' }))
 */
export function nat(options: NatOptions): NatLayer {
  return new Nat(options.name ?? 'nat', readOptions(options))
}

class Nat implements NatLayer {
  readonly name: string
  readonly up: Layer<IpPacket>
  readonly down: Layer<IpPacket>
  readonly #settings: NatSettings
  readonly #exhaustion = new Exhaustion()
  readonly #neighbours: Neighbours = { host: undefined, wire: undefined }
  readonly #draining = new Set<number>()
  #running: RunningNat | undefined

  constructor(name: string, settings: NatSettings) {
    this.name = name
    this.#settings = settings
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
    this.#running = new RunningNat(this.#settings, context, this.#neighbours, this.#exhaustion)
    for (const which of this.#draining) this.#running.table.egress.setDraining(which, true)
  }

  stop(): void {
    this.#running?.stop()
  }

  drain(address: string, draining = true): void {
    const which = this.#settings.addresses.indexOf(ipv4ToNumber(address, 'nat drain'))
    if (which < 0) throw new ConfigurationError(`nat drain: expected an address of the pool, got "${address}"`)
    if (draining) this.#draining.add(which)
    else this.#draining.delete(which)
    this.#running?.table.egress.setDraining(which, draining)
  }

  statistics(): NatStatistics | undefined {
    if (this.#running === undefined) return undefined
    this.#running.settle()
    const { table, inside, outside, resets } = this.#running
    return {
      sessions: table.counts(),
      capacity: this.#settings.sessions,
      refused: this.#exhaustion.refused(),
      peers: table.accounts().flatMap(({ owner, sessions, ports }) => {
        return sessions === 0 ? [] : [{ peer: peerOf(owner), sessions, ports }]
      }),
      errorsInside: inside.statistics(),
      errorsOutside: outside.statistics(),
      resets: resets?.statistics(),
      portBlocks: blocksOf(table),
    }
  }

  metrics(): readonly NatMetric[] {
    if (this.#running === undefined) return []
    return metricsOf({ ...this.#running.sources(), refused: this.#exhaustion.refused() })
  }

  *mappings(name?: string): Generator<NatMapping> {
    if (this.#running === undefined) return
    for (const mapping of this.#running.mappings()) {
      const { peer } = mapping
      if (name === undefined || name === (typeof peer === 'string' ? peer : peer.name)) yield mapping
    }
  }

  exportSessions(): Iterable<NatRecord> {
    return this.#running?.exportSessions() ?? []
  }

  importSessions(records: Iterable<unknown>): NatImported {
    if (this.#running === undefined) {
      throw new ConfigurationError('nat importSessions: expected a layer that has been started')
    }
    return this.#running.importSessions(records)
  }

  #serve(batch: Batch<IpPacket>, inner: Service<IpPacket>, up: boolean): void {
    if (this.#running === undefined) batch.sift(refuse)
    else if (up) this.#running.serveUp(batch, inner)
    else this.#running.serveDown(batch, inner)
  }
}

function refuse(): string {
  return 'nat-not-started'
}
