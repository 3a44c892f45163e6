import { nameOf } from './egress.ts'
import { ICMP, TCP, UDP } from './protocols.ts'
import type { TcpPhase } from './tcp-state.ts'

/** Why a session has ended: both sides had finished, one had reset it, or the inside sent nothing for too long. */
export type FlowEnd = 'fin' | 'rst' | 'idle'

/** Sessions of one protocol under one outside address. */
export interface FlowCount {
  readonly address: string
  readonly protocol: (typeof KINDS)[number]
  readonly active: number
  readonly opened: number
}

const KINDS = ['tcp', 'udp', 'icmp', 'other'] as const

/** Of a session that is removed. */
export function endOf(protocol: number, phase: TcpPhase): FlowEnd {
  if (protocol !== TCP) return 'idle'
  return phase === 'closing' ? 'fin' : phase === 'reset' ? 'rst' : 'idle'
}

/** How many sessions there are and were, by outside address and protocol, and how they ended. */
export class FlowCounts {
  readonly #addresses: readonly number[]
  readonly #places: ReadonlyMap<number, number>
  readonly #active: Float64Array
  readonly #opened: Float64Array
  readonly #ended: Record<FlowEnd, number> = { fin: 0, rst: 0, idle: 0 }

  constructor(addresses: readonly number[]) {
    this.#addresses = addresses
    this.#places = new Map(addresses.map((address, i) => [address, i * KINDS.length]))
    this.#active = new Float64Array(addresses.length * KINDS.length)
    this.#opened = new Float64Array(addresses.length * KINDS.length)
  }

  begin(address: number, protocol: number): void {
    const place = this.#place(address, protocol)
    this.#active[place] = (this.#active[place] as number) + 1
    this.#opened[place] = (this.#opened[place] as number) + 1
  }

  end(address: number, protocol: number, why: FlowEnd): void {
    const place = this.#place(address, protocol)
    this.#active[place] = (this.#active[place] as number) - 1
    this.#ended[why]++
  }

  /** Sessions ever made and ever removed. */
  get totals(): { readonly opened: number; readonly expired: number } {
    const { fin, rst, idle } = this.#ended
    return { opened: this.#opened.reduce((sum, count) => sum + count, 0), expired: fin + rst + idle }
  }

  get ended(): Readonly<Record<FlowEnd, number>> {
    return this.#ended
  }

  /** One for each outside address and protocol. Allocates. */
  list(): readonly FlowCount[] {
    return this.#addresses.flatMap((address, i) =>
      KINDS.map((protocol, kind) => ({
        address: nameOf(address),
        protocol,
        active: this.#active[i * KINDS.length + kind] as number,
        opened: this.#opened[i * KINDS.length + kind] as number,
      })),
    )
  }

  #place(address: number, protocol: number): number {
    const kind = protocol === TCP ? 0 : protocol === UDP ? 1 : protocol === ICMP ? 2 : 3
    return (this.#places.get(address) as number) + kind
  }
}
