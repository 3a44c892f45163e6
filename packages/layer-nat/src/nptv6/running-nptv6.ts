import {
  type Batch,
  type Clock,
  type Context,
  IcmpAnswers,
  type IcmpErrorKind,
  type IpPacket,
  parseAddress,
  type Service,
} from '@millrace/core'
import { Outlet } from '../outlet.ts'
import type { Neighbours } from '../running-nat.ts'
import { PASS } from '../siit/translation.ts'
import { TURNED } from '../translator.ts'
import { type Nptv6Settings, Nptv6Translator } from './translator.ts'

/** Drops that the sender is told of; an address without another one is RFC 6296 §3.4 and §3.5. */
const ANSWERS: ReadonlyMap<string, IcmpErrorKind> = new Map([
  ['ttl-exceeded', 'time-exceeded'],
  ['packet-too-big', 'packet-too-big'],
  ['hairpin-refused', 'admin-prohibited'],
  ['address-not-translated', 'host-unreachable'],
])

/** All that NPTv6 has from start to stop; nothing of it is about any packet but the one under way. */
export class RunningNptv6 {
  readonly #translator: Nptv6Translator
  readonly #inside: IcmpAnswers
  readonly #outside: IcmpAnswers
  readonly #turned: Outlet
  readonly #neighbours: Neighbours
  readonly #clock: Clock
  readonly #mtu: number
  readonly #kept: IpPacket[] = []

  constructor(settings: Nptv6Settings, { pool, clock }: Context, neighbours: Neighbours) {
    const { gateway, mtu } = settings
    this.#translator = new Nptv6Translator(settings)
    this.#inside = new IcmpAnswers(pool, 'down', {
      source6: gateway === undefined ? undefined : parseAddress(gateway).bytes,
    })
    this.#outside = new IcmpAnswers(pool, 'up')
    this.#turned = new Outlet(pool)
    this.#neighbours = neighbours
    this.#clock = clock
    this.#mtu = mtu
  }

  serveUp(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#sort(batch, true)
    if (batch.length > 0) inner.serve(batch)
    this.#turned.flush(this.#neighbours.wire)
    this.#inside.flush(this.#neighbours.wire)
  }

  serveDown(batch: Batch<IpPacket>, inner: Service<IpPacket>): void {
    this.#sort(batch, false)
    if (batch.length > 0) inner.serve(batch)
    this.#outside.flush(this.#neighbours.host)
  }

  #sort(batch: Batch<IpPacket>, up: boolean): void {
    const { length } = batch
    let kept = 0
    for (let i = 0; i < length; i++) {
      const packet = batch.at(i)
      const reason = up ? this.#translator.up(packet) : this.#translator.down(packet)
      if (reason === undefined || reason === PASS) this.#kept[kept++] = packet
      else if (reason === TURNED) this.#turned.lend(packet)
      else this.#refuse(batch, packet, reason, up)
    }
    if (kept === length) return
    batch.clear()
    for (let i = 0; i < kept; i++) batch.push(this.#kept[i] as IpPacket)
  }

  #refuse(batch: Batch<IpPacket>, packet: IpPacket, reason: string, up: boolean): void {
    batch.drop(packet, reason)
    const answer = ANSWERS.get(reason)
    if (answer !== undefined) (up ? this.#inside : this.#outside).add(packet, answer, this.#clock.now(), this.#mtu)
  }
}
