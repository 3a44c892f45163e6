import { type IpPacket, mayAnswerWithIcmpError, SharedRate } from '@millrace/core'
import type { Outbox } from '../ip/outbox.ts'
import { readWholeNumbers } from '../whole-numbers.ts'
import { type IcmpErrorDetails, pushIcmpError, type StackErrorKind } from './push-icmp-error.ts'

/** ICMP errors a second; a quarter of that at once. */
export interface IcmpErrorsOptions {
  /** Default 1,000. */
  readonly perSecond?: number
  /** To one peer, or to one address where packets have no peer. Default 100. */
  readonly perSecondPerPeer?: number
}

export interface IcmpErrorsStatistics {
  readonly sent: number
  /** Not sent, to keep within the rate. */
  readonly limited: number
  /** Not sent, for want of packets. */
  readonly unsent: number
}

/** ICMP errors about packets that came in (RFC 792, RFC 4443), within a rate (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f). */
export class IcmpErrors {
  readonly #outbox: Outbox
  readonly #rate: SharedRate
  #sent = 0
  #limited = 0
  #unsent = 0

  /** Throws a ConfigurationError for options that cannot be. */
  constructor(options: IcmpErrorsOptions, outbox: Outbox) {
    const rate = readWholeNumbers('icmp', options, {
      perSecond: [1000, 1, 2 ** 20],
      perSecondPerPeer: [100, 1, 2 ** 20],
    })
    this.#outbox = outbox
    this.#rate = new SharedRate(rate)
  }

  /** Sends the error about `offending` to where that came from, if the rules and the rate allow one; true if so. */
  report(offending: IpPacket, kind: StackErrorKind, now: number, details?: IcmpErrorDetails): boolean {
    if (!mayAnswerWithIcmpError(offending)) return false
    if (!this.#rate.take(offending, now)) {
      this.#limited++
      return false
    }
    const isSent = pushIcmpError(this.#outbox, offending, kind, now, details)
    if (isSent) this.#sent++
    else this.#unsent++
    return isSent
  }

  get statistics(): IcmpErrorsStatistics {
    return { sent: this.#sent, limited: this.#limited, unsent: this.#unsent }
  }
}
