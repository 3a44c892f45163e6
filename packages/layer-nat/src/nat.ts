import {
  type Batch,
  type Clock,
  type Context,
  type DuplexLayer,
  formatAddress,
  type IcmpAnswerStatistics,
  IcmpAnswers,
  type IcmpErrorKind,
  type IpPacket,
  type Layer,
  type Peer,
  type Service,
} from '@millrace/core'
import type { Observable } from 'rxjs'
import type { Owner } from './accounts.ts'
import { Exhaustion, type NatEvent, type NatResource } from './exhaustion.ts'
import { type NatOptions, type NatSettings, readOptions } from './options.ts'
import { NatTable, type NatTableCounts } from './table.ts'
import { Translator } from './translator.ts'

/** A snapshot of a running NAT. */
export interface NatStatistics {
  readonly sessions: NatTableCounts
  /** Most sessions at once. */
  readonly capacity: number
  /** Packets that would have begun a session, by what had run out. */
  readonly refused: Readonly<Record<NatResource, number>>
  /** Sessions of each peer that has any; by inside address, as text, where packets have no peer. */
  readonly peers: readonly { readonly peer: Peer | string; readonly sessions: number }[]
  /** ICMP errors of our own, to the inside and to the outside. */
  readonly errorsInside: IcmpAnswerStatistics
  readonly errorsOutside: IcmpAnswerStatistics
}

export interface NatLayer extends DuplexLayer<IpPacket> {
  readonly name: string
  readonly events: Observable<NatEvent>
  /** Undefined before start. Allocates. */
  statistics(): NatStatistics | undefined
}

/**
 * Source NAT to one static IPv4 address: TCP, UDP and ICMP echo of all peers leave under `address` and the answers find
 * back (RFC 4787, RFC 5382, RFC 5508, RFC 7857). Up is from the inside, down from the outside.
 *
 *     stack(udp({ port: 51820 })).layer(wireguard({ privateKey, peers })).layer(allowedIps())
 *       .layer(nat({ address: '203.0.113.7' }))
 *       .end(tun({ name: 'egress0' }))
 */
export function nat(options: NatOptions): NatLayer {
  return new Nat(options.name ?? 'nat', readOptions(options))
}

/**
 * Drops that the sender inside is told of. That resources have run out is "prohibited", too: RFC 5508 REQ-8. What goes
 * to no real destination gets no answer.
 */
const answersInside: ReadonlyMap<string, IcmpErrorKind> = new Map([
  ['ttl-exceeded', 'time-exceeded'],
  ['ipv6-not-translated', 'admin-prohibited'],
  ['protocol-not-translated', 'admin-prohibited'],
  ['sessions-exhausted', 'admin-prohibited'],
  ['peer-sessions-exhausted', 'admin-prohibited'],
  ['ports-exhausted', 'admin-prohibited'],
])
/** To the outside we are a router to live sessions, and silent for everything else. */
const answersOutside: ReadonlyMap<string, IcmpErrorKind> = new Map([['ttl-exceeded', 'time-exceeded']])

interface Running {
  readonly clock: Clock
  readonly table: NatTable
  readonly translator: Translator
  readonly inside: IcmpAnswers
  readonly outside: IcmpAnswers
}

class Nat implements NatLayer {
  readonly name: string
  readonly up: Layer<IpPacket>
  readonly down: Layer<IpPacket>
  readonly #settings: NatSettings
  readonly #exhaustion = new Exhaustion()
  #running: Running | undefined
  #host: Service<IpPacket> | undefined
  #wire: Service<IpPacket> | undefined
  #now = 0

  constructor(name: string, settings: NatSettings) {
    this.name = name
    this.#settings = settings
    this.up = {
      layer: (inner) => {
        this.#host = inner
        return { serve: (batch) => this.#serveUp(batch, inner) }
      },
    }
    this.down = {
      layer: (inner) => {
        this.#wire = inner
        return { serve: (batch) => this.#serveDown(batch, inner) }
      },
    }
  }

  get events(): Observable<NatEvent> {
    return this.#exhaustion.events
  }

  start({ clock, random, pool }: Context): void {
    const settings = this.#settings
    const table = new NatTable({ ...settings, random })
    this.#running = {
      clock,
      table,
      translator: new Translator(table, settings),
      inside: new IcmpAnswers(pool, 'down', { source4: settings.gatewayAddress }),
      outside: new IcmpAnswers(pool, 'up', { source4: settings.addressBytes }),
    }
  }

  statistics(): NatStatistics | undefined {
    if (this.#running === undefined) return undefined
    const { table, clock, inside, outside } = this.#running
    table.expire(clock.now(), Number.POSITIVE_INFINITY)
    return {
      sessions: table.counts(),
      capacity: this.#settings.sessions,
      refused: this.#exhaustion.refused(),
      peers: table.accounts().map(({ owner, sessions }) => ({ peer: nameOf(owner), sessions })),
      errorsInside: inside.statistics(),
      errorsOutside: outside.statistics(),
    }
  }

  #serveUp(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#tick()
    batch.sift(this.#judgeUp)
    if (batch.length > 0) inner.serve(batch)
    this.#running?.inside.flush(this.#wire)
  }

  #serveDown(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#tick()
    batch.sift(this.#judgeDown)
    if (batch.length > 0) inner.serve(batch)
    this.#running?.outside.flush(this.#host)
  }

  /** The time is read once a batch, and not taken from the packets: one that was held back must not be older than the table. */
  #tick(): void {
    if (this.#running === undefined) return
    this.#now = this.#running.clock.now()
    this.#running.table.expire(this.#now)
  }

  readonly #judgeUp = (packet: IpPacket): string | undefined => {
    if (this.#running === undefined) return 'nat-not-started'
    const reason = this.#running.translator.up(packet)
    if (reason === undefined) return undefined
    this.#exhaustion.note(reason, packet, this.#now)
    const answer = answersInside.get(reason)
    if (answer !== undefined) this.#running.inside.add(packet, answer, this.#now)
    return reason
  }

  readonly #judgeDown = (packet: IpPacket): string | undefined => {
    if (this.#running === undefined) return 'nat-not-started'
    const reason = this.#running.translator.down(packet)
    if (reason === undefined) return undefined
    const answer = answersOutside.get(reason)
    if (answer !== undefined) this.#running.outside.add(packet, answer, this.#now)
    return reason
  }
}

function nameOf(owner: Owner): Peer | string {
  if (typeof owner !== 'number') return owner
  return formatAddress(Uint8Array.of(owner >>> 24, owner >>> 16, owner >>> 8, owner), 0, 4)
}
