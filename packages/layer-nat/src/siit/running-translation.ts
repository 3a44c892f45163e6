import { Batch, type Context, type IpPacket, parseAddress, type Service, Spare } from '@millrace/core'
import type { DropCounts } from '../drop-counts.ts'
import { nameOf } from '../egress.ts'
import type { Exhaustion } from '../exhaustion.ts'
import { metricsOf, type NatMetric } from '../metrics.ts'
import type { RunningLayer } from '../nat-layer.ts'
import { type Neighbours, RunningNat } from '../running-nat.ts'
import type { NatImported } from '../session-import.ts'
import type { NatRecord } from '../session-records.ts'
import type { NatMapping } from '../session-view.ts'
import type { NatSettings } from '../settings.ts'
import { type NatStatistics, statisticsOf } from '../statistics.ts'
import { Hosts } from './hosts.ts'
import { Ipv6Outlet } from './ipv6-outlet.ts'
import { Names } from './names.ts'
import { PASS, type Translation, type TranslationPlan } from './translation.ts'

/** All that a translated NAT has from start to stop: numbers for IPv6 addresses, and between translators a NAT for IPv4. */
export class RunningTranslation implements RunningLayer {
  readonly #nat: RunningNat
  readonly #names: Names
  readonly #translation: Translation
  readonly #drops: DropCounts
  readonly #exhaustion: Exhaustion
  readonly #isOutside6: boolean
  readonly #host: Service<IpPacket>
  readonly #wire: Service<IpPacket>
  readonly #others: IpPacket[] = []
  readonly #batches = new Spare(() => new Batch<IpPacket>())

  constructor(plan: TranslationPlan, context: Context, { host, wire }: Neighbours, exhaustion: Exhaustion) {
    const { pool, drop, random } = context
    const hosts = new Hosts(plan.addresses, random, plan.avoid)
    const settings = plan.settings((address) => {
      const { bytes } = parseAddress(address)
      return nameOf(hosts.pin(bytes))
    })
    const names = new Names(hosts, plan.isOutside6)
    const translation = plan.translation(hosts, settings)
    const count = (reason: string, packets: number): void => {
      this.#drops.add(reason, packets)
      drop(reason, packets)
    }
    const translated = (next: Service<IpPacket> | undefined): Service<IpPacket> =>
      new Ipv6Outlet(next ?? nowhere, translation.toIpv6, pool, count)
    this.#wire = translated(wire)
    this.#host = plan.isOutside6 ? translated(host) : (host ?? nowhere)
    this.#nat = new RunningNat(named(settings, names), context, { host: this.#host, wire: this.#wire }, exhaustion)
    this.#nat.table.roster.holder = plan.isOutside6 ? bothEnds(hosts) : insideOnly(hosts)
    this.#nat.table.tables.accounts.holder = hosts
    this.#drops = this.#nat.sources().drops
    this.#names = names
    this.#translation = translation
    this.#exhaustion = exhaustion
    this.#isOutside6 = plan.isOutside6
  }

  serve(batch: Batch<IpPacket>, inner: Service<IpPacket>, up: boolean): void {
    const ours = this.#batches.take()
    ours.drops = batch.drops
    this.#sort(batch, ours, up)
    if (batch.length > 0) inner.serve(batch)
    if (ours.length > 0) {
      if (up) this.#nat.serveUp(ours, this.#host)
      else this.#nat.serveDown(ours, this.#wire)
    }
    ours.clear()
    this.#batches.giveBack(ours)
  }

  setDraining(which: number, draining: boolean): void {
    this.#nat.table.egress.setDraining(which, draining)
  }

  statistics(): NatStatistics {
    return this.#names.statistics(statisticsOf(this.#nat, this.#exhaustion))
  }

  metrics(): readonly NatMetric[] {
    return this.#names.metrics(metricsOf({ ...this.#nat.sources(), refused: this.#exhaustion.refused() }))
  }

  *mappings(): Generator<NatMapping> {
    for (const mapping of this.#nat.mappings()) yield this.#names.mapping(mapping)
  }

  exportSessions(): Iterable<NatRecord> {
    return this.#names.records(this.#nat.exportSessions())
  }

  importSessions(records: Iterable<unknown>, name: string): NatImported {
    return this.#nat.importSessions(records, name, this.#translation.records)
  }

  stop(): void {
    this.#nat.stop()
  }

  /** Moves packets that are ours from `batch` to `ours`, as IPv4, and drops what cannot be. */
  #sort(batch: Batch<IpPacket>, ours: Batch<IpPacket>, up: boolean): void {
    const { length } = batch
    const translates = up || this.#isOutside6
    let others = 0
    for (let i = 0; i < length; i++) {
      const packet = batch.at(i)
      const verdict = up ? this.#translation.judgeUp(packet) : this.#translation.judgeDown(packet)
      if (verdict === PASS) {
        this.#others[others++] = packet
        continue
      }
      const reason = verdict ?? (translates ? this.#translation.toIpv4.translate(packet) : undefined)
      if (reason === undefined) ours.push(packet)
      else {
        this.#drops.add(reason, packet.segments)
        batch.drop(packet, reason)
      }
    }
    if (others === length) return
    batch.clear()
    for (let i = 0; i < others; i++) batch.push(this.#others[i] as IpPacket)
  }
}

const nowhere: Service<IpPacket> = { serve: () => {} }

function named(settings: NatSettings, names: Names): NatSettings {
  const { egress, flowLog, portBlockLog } = settings
  return {
    ...settings,
    egress: { ...egress, nameOf: (owner) => names.owner(owner) },
    flowLog: names.log(flowLog),
    portBlockLog: names.log(portBlockLog),
    hasIds: false,
  }
}

function insideOnly(hosts: Hosts): { hold(inside: number): void; release(inside: number): void } {
  return { hold: (inside) => hosts.hold(inside), release: (inside) => hosts.release(inside) }
}

function bothEnds(hosts: Hosts): {
  hold(inside: number, remote: number): void
  release(inside: number, remote: number): void
} {
  return {
    hold: (inside, remote) => {
      hosts.hold(inside)
      hosts.hold(remote)
    },
    release: (inside, remote) => {
      hosts.release(inside)
      hosts.release(remote)
    },
  }
}
