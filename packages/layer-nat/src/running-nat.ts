import type { Batch, Clock, Context, IpPacket, Service, Timer } from '@millrace/core'
import { Answers } from './answers.ts'
import { DropCounts } from './drop-counts.ts'
import type { Exhaustion } from './exhaustion.ts'
import { FRAGMENT_LIFETIME } from './fragments.ts'
import { IpIds } from './ip-ids.ts'
import type { MetricSources } from './metrics.ts'
import { Outlet } from './outlet.ts'
import { HELD, Pipeline } from './pipeline.ts'
import { Prefetch } from './prefetch.ts'
import type { RecordAddresses } from './record-addresses.ts'
import { exportSessions } from './session-export.ts'
import { type ImportRules, type NatImported, SessionImport } from './session-import.ts'
import type { NatRecord } from './session-records.ts'
import type { NatMapping } from './session-view.ts'
import type { NatSettings } from './settings.ts'
import { type NatLogs, openLogs, startTable } from './start-table.ts'
import type { NatTable } from './table.ts'
import { Translator, TURNED } from './translator.ts'
import { UnsolicitedSyns } from './unsolicited-syns.ts'

/** The services that packets go on to. */
export interface Neighbours {
  host: Service<IpPacket> | undefined
  wire: Service<IpPacket> | undefined
}

/** All that a NAT has from start to stop. */
export class RunningNat {
  readonly table: NatTable
  readonly #answers: Answers
  readonly #logs: NatLogs
  readonly #drops = new DropCounts()
  readonly #clock: Clock
  readonly #importRules: Pick<ImportRules, 'otherProtocols' | 'isOutside'>
  readonly #prefetch: Prefetch
  readonly #pipeline: Pipeline
  readonly #syns: UnsolicitedSyns | undefined
  readonly #exhaustion: Exhaustion
  readonly #neighbours: Neighbours
  /** On their way up behind the batch, down behind it, and back down. */
  readonly #lateUp: Outlet
  readonly #lateDown: Outlet
  readonly #turned: Outlet
  readonly #kept: IpPacket[] = []
  /** Gives back fragments that are held when no packet comes any more. */
  #timer: Timer | undefined
  #now = 0

  constructor(settings: NatSettings, context: Context, neighbours: Neighbours, exhaustion: Exhaustion) {
    const { clock, random, pool, drop } = context
    const { addresses, staticAddresses } = settings
    this.#logs = openLogs(settings, context)
    this.table = startTable(settings, context, this.#logs)
    const all = [...addresses, ...staticAddresses.map(({ outside }) => outside)]
    this.#importRules = { otherProtocols: settings.otherProtocols, isOutside: (address) => all.includes(address) }
    this.#prefetch = new Prefetch(this.table.tables.sessions)
    const translator = new Translator(this.table, new IpIds(random), { ...settings, addresses: all })
    this.#pipeline = new Pipeline(translator, {
      datagrams: settings.fragmentedDatagrams,
      decrementTtl: settings.decrementTtl,
      passesIpv6: settings.passesIpv6,
      pool,
      random,
      drop: this.#drops.counting(drop),
      release: (packet, up, turned) => (turned ? this.#turned : up ? this.#lateUp : this.#lateDown).push(packet),
    })
    this.#lateUp = new Outlet(pool)
    this.#lateDown = new Outlet(pool)
    this.#turned = new Outlet(pool)
    this.#answers = new Answers(settings, pool, (packet) => this.#turned.push(packet))
    const { outside } = this.#answers
    const { lookups } = this.table
    this.#syns = settings.answerSyn
      ? new UnsolicitedSyns({
          clock,
          pool,
          answers: outside,
          isWanted: ({ protocol, destination4, destinationPort, source4, sourcePort }) =>
            lookups.findDown(protocol, destination4, destinationPort, source4, sourcePort),
          flush: () => outside.flush(neighbours.host),
        })
      : undefined
    this.#clock = clock
    this.#neighbours = neighbours
    this.#exhaustion = exhaustion
  }

  serveUp(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#tick()
    this.#prefetch.run(batch, true)
    this.#sort(batch, this.#judgeUp)
    if (batch.length > 0) inner.serve(batch)
    this.#lateUp.flush(inner)
    this.#turned.flush(this.#neighbours.wire)
    this.#answers.inside.flush(this.#neighbours.wire)
  }

  serveDown(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#tick()
    this.#prefetch.run(batch, false)
    this.#sort(batch, this.#judgeDown)
    if (batch.length > 0) inner.serve(batch)
    this.#lateDown.flush(inner)
    this.#answers.outside.flush(this.#neighbours.host)
  }

  /** Brings the table to the present, however much has fallen due. */
  settle(): void {
    this.table.expire(this.#clock.now(), Number.POSITIVE_INFINITY)
  }

  mappings(): Iterable<NatMapping> {
    this.settle()
    return this.table.view.list(this.#clock)
  }

  exportSessions(): Iterable<NatRecord> {
    this.settle()
    return exportSessions(this.table, this.#clock)
  }

  /** `name` is of the layer. */
  importSessions(records: Iterable<unknown>, name: string, addresses: RecordAddresses): NatImported {
    this.settle()
    return SessionImport.run(records, this.table, { ...this.#importRules, name, addresses }, this.#clock)
  }

  /** What metrics are taken from, but for what the exhaustion knows. */
  sources(): Omit<MetricSources, 'refused'> {
    this.settle()
    const { inside, outside, resets } = this.#answers
    return {
      table: this.table,
      drops: this.#drops,
      errors: { inside: inside.statistics(), outside: outside.statistics() },
      incompleteDatagrams: this.#pipeline.incomplete,
      resets: resets?.statistics(),
      logs: this.#logs,
    }
  }

  stop(): void {
    this.#timer?.cancel()
    this.#pipeline.expire(Number.POSITIVE_INFINITY)
    this.#syns?.stop()
  }

  /** The time is read once a batch, and not taken from the packets: one that was held back must not be older than the table. */
  #tick(): void {
    this.#now = this.#clock.now()
    this.table.expire(this.#now)
    this.#pipeline.expire(this.#now)
  }

  /** As `Batch.sift`, but what is turned around or held is no drop. */
  #sort(batch: Batch<IpPacket>, judge: (packet: IpPacket) => string | undefined): void {
    const { length } = batch
    let kept = 0
    for (let i = 0; i < length; i++) {
      const packet = batch.at(i)
      const reason = judge(packet)
      if (reason === undefined) this.#kept[kept++] = packet
      else if (reason === TURNED) this.#turned.lend(packet)
      else if (reason === HELD) this.#timer ??= this.#clock.setTimer(FRAGMENT_LIFETIME, this.#releaseHeld)
      else {
        this.#drops.add(reason, packet.segments)
        batch.drop(packet, reason)
      }
    }
    if (kept === length) return
    batch.clear()
    for (let i = 0; i < kept; i++) batch.push(this.#kept[i] as IpPacket)
  }

  readonly #releaseHeld = (): void => {
    this.#timer = undefined
    this.#pipeline.expire(this.#clock.now())
    if (this.#pipeline.incomplete > 0) this.#timer = this.#clock.setTimer(FRAGMENT_LIFETIME, this.#releaseHeld)
  }

  readonly #judgeUp = (packet: IpPacket): string | undefined => {
    const reason = this.#pipeline.up(packet, this.#now)
    if (reason === undefined || reason === TURNED || reason === HELD) return reason
    this.#exhaustion.note(reason, packet, this.#now)
    this.#answers.up(packet, reason, this.#now)
    return reason
  }

  readonly #judgeDown = (packet: IpPacket): string | undefined => {
    const reason = this.#pipeline.down(packet, this.#now)
    if (reason === undefined || reason === HELD) return reason
    if (reason === 'no-mapping') this.#syns?.add(packet, this.#now)
    this.#answers.down(packet, reason, this.#now)
    return reason
  }
}
