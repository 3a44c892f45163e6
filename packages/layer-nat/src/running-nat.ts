import {
  type Batch,
  type Clock,
  type Context,
  IcmpAnswers,
  type IpPacket,
  type Service,
  type Timer,
} from '@millrace/core'
import { answersInside, answersOutside } from './answers.ts'
import { DropCounts } from './drop-counts.ts'
import type { Exhaustion } from './exhaustion.ts'
import { FlowLog } from './flow-log.ts'
import { FRAGMENT_LIFETIME } from './fragments.ts'
import { IpIds } from './ip-ids.ts'
import type { MetricSources } from './metrics.ts'
import { Outlet } from './outlet.ts'
import { HELD, Pipeline } from './pipeline.ts'
import type { NatMapping } from './session-view.ts'
import type { NatSettings } from './settings.ts'
import { NatTable } from './table.ts'
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
  readonly inside: IcmpAnswers
  readonly outside: IcmpAnswers
  readonly #drops = new DropCounts()
  readonly #clock: Clock
  readonly #pipeline: Pipeline
  readonly #syns: UnsolicitedSyns | undefined
  readonly #exhaustion: Exhaustion
  readonly #neighbours: Neighbours
  readonly #mtu: number
  /** On their way up behind the batch, down behind it, and back down. */
  readonly #lateUp: Outlet
  readonly #lateDown: Outlet
  readonly #turned: Outlet
  readonly #kept: IpPacket[] = []
  /** Gives back fragments that are held when no packet comes any more. */
  #timer: Timer | undefined
  #now = 0

  constructor(
    settings: NatSettings,
    { clock, random, pool, drop }: Context,
    neighbours: Neighbours,
    exhaustion: Exhaustion,
  ) {
    const { addresses, staticAddresses, egress, flowLog } = settings
    const secret = new Uint8Array(32)
    random.fill(secret)
    this.table = new NatTable({
      ...settings,
      addresses: staticAddresses,
      egress: { ...egress, secret: egress.secret === undefined ? secret : new TextEncoder().encode(egress.secret) },
      random,
    })
    if (flowLog !== undefined) this.table.log = new FlowLog(flowLog.write, flowLog.rate, this.table.view, clock)
    const all = [...addresses, ...staticAddresses.map(({ outside }) => outside)]
    const translator = new Translator(this.table, new IpIds(random), { ...settings, addresses: all })
    this.#pipeline = new Pipeline(translator, {
      datagrams: settings.fragmentedDatagrams,
      decrementTtl: settings.decrementTtl,
      pool,
      random,
      drop: this.#drops.counting(drop),
      release: (packet, up, turned) => (turned ? this.#turned : up ? this.#lateUp : this.#lateDown).push(packet),
    })
    this.#lateUp = new Outlet(pool)
    this.#lateDown = new Outlet(pool)
    this.#turned = new Outlet(pool)
    this.inside = new IcmpAnswers(pool, 'down', { source4: settings.gatewayAddress })
    this.outside = new IcmpAnswers(pool, 'up', { source4: bytesOf(addresses[0] as number) })
    const { lookups } = this.table
    this.#syns = settings.answerSyn
      ? new UnsolicitedSyns({
          clock,
          pool,
          answers: this.outside,
          isWanted: ({ protocol, destination4, destinationPort, source4, sourcePort }) =>
            lookups.findDown(protocol, destination4, destinationPort, source4, sourcePort),
          flush: () => this.outside.flush(neighbours.host),
        })
      : undefined
    this.#clock = clock
    this.#neighbours = neighbours
    this.#exhaustion = exhaustion
    this.#mtu = settings.mtu
  }

  serveUp(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#tick()
    this.#sort(batch, this.#judgeUp)
    if (batch.length > 0) inner.serve(batch)
    this.#lateUp.flush(inner)
    this.#turned.flush(this.#neighbours.wire)
    this.inside.flush(this.#neighbours.wire)
  }

  serveDown(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#tick()
    this.#sort(batch, this.#judgeDown)
    if (batch.length > 0) inner.serve(batch)
    this.#lateDown.flush(inner)
    this.outside.flush(this.#neighbours.host)
  }

  /** Brings the table to the present, however much has fallen due. */
  settle(): void {
    this.table.expire(this.#clock.now(), Number.POSITIVE_INFINITY)
  }

  mappings(): Iterable<NatMapping> {
    this.settle()
    return this.table.view.list(this.#clock)
  }

  /** What metrics are taken from, but for what the exhaustion knows. */
  sources(): Omit<MetricSources, 'refused'> {
    this.settle()
    return {
      table: this.table,
      drops: this.#drops,
      errors: { inside: this.inside.statistics(), outside: this.outside.statistics() },
      incompleteDatagrams: this.#pipeline.incomplete,
      logLost: this.table.log?.lost,
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
    const answer = answersInside.get(reason)
    if (answer !== undefined) this.inside.add(packet, answer, this.#now)
    return reason
  }

  readonly #judgeDown = (packet: IpPacket): string | undefined => {
    const reason = this.#pipeline.down(packet, this.#now)
    if (reason === undefined || reason === HELD) return reason
    if (reason === 'no-mapping') this.#syns?.add(packet, this.#now)
    const answer = answersOutside.get(reason)
    if (answer !== undefined) this.outside.add(packet, answer, this.#now, this.#mtu)
    return reason
  }
}

function bytesOf(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address)
}
