import type { Service } from '../contract/contract.ts'
import { Burst } from '../packet/burst.ts'
import type { Direction, IpPacket } from '../packet/packet.ts'
import type { PacketPool } from '../packet/pool.ts'
import { ICMP_ERROR_MAXIMUM, type IcmpErrorKind, mayAnswerWithIcmpError, writeIcmpError } from './icmp-error.ts'
import { SharedRate, type SharedRateOptions } from './shared-rate.ts'

/** What became of the ICMP errors that a layer had reason to send. */
export interface IcmpAnswerStatistics {
  readonly sent: number
  /** Not sent, to keep within the rate. */
  readonly limited: number
  /** Not sent, because no memory was free. */
  readonly unsent: number
}

export interface IcmpAnswersOptions extends SharedRateOptions {
  /** Whom the errors come from, by family; without it, the address that the packet was sent to. */
  readonly source4?: Uint8Array | undefined
  readonly source6?: Uint8Array | undefined
}

/**
 * The ICMP errors with which a layer answers packets while it serves a batch: gathered, kept within a rate in all and to
 * each sender (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f), then sent as one batch the other way.
 */
export class IcmpAnswers {
  readonly #direction: Direction
  readonly #burst: Burst<IpPacket>
  readonly #rate: SharedRate
  readonly #source4: Uint8Array | undefined
  readonly #source6: Uint8Array | undefined
  #sending = false
  #sent = 0
  #limited = 0
  #unsent = 0

  /** `direction` is where the answers go: `down` if they are about packets on their way up. */
  constructor(pool: PacketPool, direction: Direction, { source4, source6, ...rate }: IcmpAnswersOptions = {}) {
    this.#direction = direction
    this.#burst = new Burst(pool)
    this.#rate = new SharedRate(rate)
    this.#source4 = source4
    this.#source6 = source6
  }

  /** Makes the error about `packet` and keeps it until `flush`, if the rules and the rate allow one. `now` in milliseconds. */
  add(packet: IpPacket, kind: IcmpErrorKind, now: number, mtu = 0): void {
    if (!mayAnswerWithIcmpError(packet)) return
    if (!this.#rate.take(packet, now)) {
      this.#limited++
      return
    }
    // Whoever receives an answer may send at once and so come back here: the burst under way takes no more.
    const answer = this.#sending ? undefined : this.#burst.acquire(ICMP_ERROR_MAXIMUM)
    if (answer === undefined) {
      this.#unsent++
      return
    }
    const source = packet.version === 4 ? this.#source4 : this.#source6
    const error = writeIcmpError(answer, packet, kind, source, mtu)
    if (error === undefined) {
      answer.release()
      return
    }
    answer.direction = this.#direction
    // Down, it goes back to whom the packet came from. Up, it comes from no peer.
    answer.peer = this.#direction === 'down' ? packet.peer : undefined
    this.#burst.push(error)
    this.#sent++
  }

  /** Sends what was added to the next service in the direction of the answers. */
  flush(service: Service<IpPacket> | undefined): void {
    if (this.#sending || service === undefined || this.#burst.length === 0) return
    this.#sending = true
    try {
      this.#burst.serve(service)
    } finally {
      this.#sending = false
    }
  }

  statistics(): IcmpAnswerStatistics {
    return { sent: this.#sent, limited: this.#limited, unsent: this.#unsent }
  }
}
