import type { Clock } from '@millrace/core'

const SECOND = 1000
const REKEY_TIMEOUT = 5 * SECOND
const REKEY_AFTER_TIME = 120 * SECOND
const REJECT_AFTER_TIME = 180 * SECOND
export const REKEY_AFTER_MESSAGES: bigint = 2n ** 60n
export const REJECT_AFTER_MESSAGES: bigint = 2n ** 64n - 2n ** 13n - 1n

/** Who sends: its own clock is the one by which it keeps the times of the protocol. */
export interface WatchedEnd {
  readonly name: string
  readonly clock: Clock
}

/** What an end may send with one receiver index, which stands for one key: nobody hands out an index twice. */
interface Sending {
  readonly isInitiator: boolean
  /** The index under which the other end has to have sent before this one may; undefined for the initiator. */
  readonly confirmedBy: number | undefined
  /** The sender's time of the session's making. The initiator's is that of its first message, which follows at once. */
  since: number
  latest: bigint
}

interface Known {
  /** Indices handed out, and those with which it has sent: also what it sent before it began anew may be under way. */
  readonly given: Set<number>
  readonly sentWith: Set<number>
  readonly sending: Map<number, Sending>
  handshakeAt: number
}

/**
 * Reads every datagram as it is sent, as one who sees the whole network could, and holds it against what the protocol
 * promises: above all that no nonce is used twice. It knows no key. Ends send in the order in which they seal, so a counter
 * that does not grow is one used again.
 */
export class WireWatch {
  readonly violations: string[] = []
  /** How often a session's counter came to each of these, one by one. */
  readonly reached: Map<bigint, number> = new Map(
    [2n ** 32n, 2n ** 53n, REKEY_AFTER_MESSAGES, REJECT_AFTER_MESSAGES - 1n].map((counter) => [counter, 0]),
  )
  readonly #ends = new Map<string, Known>()

  see(from: WatchedEnd, to: WatchedEnd, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    switch (view.getUint32(0, true)) {
      case 1:
        this.#initiation(from, view)
        break
      case 2:
        this.#response(from, to, view)
        break
      case 4:
        this.#data(from, to, view)
        break
      default:
        this.#violation(from, `sends a message of type ${bytes[0]}`)
    }
  }

  /** The end has begun anew (another process, another private key, another peer): sessions are over, a handshake is free. */
  begunAnew(end: WatchedEnd): void {
    const known = this.#known(end)
    known.sending.clear()
    known.handshakeAt = Number.NEGATIVE_INFINITY
  }

  #initiation(from: WatchedEnd, view: DataView): void {
    const known = this.#known(from)
    if (view.byteLength !== 148) this.#violation(from, `sends an initiation of ${view.byteLength} bytes`)
    const since = from.clock.now() - known.handshakeAt
    if (since < REKEY_TIMEOUT) this.#violation(from, `begins a handshake ${since} ms after its last handshake message`)
    known.handshakeAt = from.clock.now()
    this.#give(from, view.getUint32(4, true))
  }

  #response(from: WatchedEnd, to: WatchedEnd, view: DataView): void {
    const known = this.#known(from)
    const other = this.#known(to)
    if (view.byteLength !== 92) this.#violation(from, `sends a response of ${view.byteLength} bytes`)
    const [own, receiver] = [view.getUint32(4, true), view.getUint32(8, true)]
    known.handshakeAt = from.clock.now()
    this.#give(from, own)
    if (!other.given.has(receiver)) this.#violation(from, `answers an initiation that nobody sent`)
    if (known.sending.has(receiver)) this.#violation(from, `answers an initiation again`)
    const since = from.clock.now()
    known.sending.set(receiver, { isInitiator: false, confirmedBy: own, since, latest: -1n })
    other.sending.set(own, { isInitiator: true, confirmedBy: undefined, since: Number.NaN, latest: -1n })
  }

  #data(from: WatchedEnd, to: WatchedEnd, view: DataView): void {
    const known = this.#known(from)
    const now = from.clock.now()
    const receiver = view.getUint32(4, true)
    const session = known.sending.get(receiver)
    if (session === undefined) {
      this.#violation(from, 'sends with a session that is none, or is over')
      return
    }
    const counter = view.getBigUint64(8, true)
    if (counter <= session.latest) this.#violation(from, `USES A NONCE AGAIN: ${counter} after ${session.latest}`)
    if (counter >= REJECT_AFTER_MESSAGES) this.#violation(from, `sends counter ${counter}`)
    const times = this.reached.get(counter)
    if (times !== undefined && session.latest === counter - 1n) this.reached.set(counter, times + 1)
    if (session.latest < 0n && session.isInitiator) session.since = now
    session.latest = counter
    known.sentWith.add(receiver)
    const age = now - session.since
    if (!(age < REJECT_AFTER_TIME)) this.#violation(from, `sends with a session of ${age} ms`)
    const mustRekey = counter >= REKEY_AFTER_MESSAGES || (session.isInitiator && age > REKEY_AFTER_TIME)
    if (mustRekey && now - known.handshakeAt > REKEY_TIMEOUT) {
      this.#violation(from, `does not renew a session of ${age} ms that is at counter ${counter}`)
    }
    if (session.confirmedBy !== undefined && !this.#known(to).sentWith.has(session.confirmedBy)) {
      this.#violation(from, 'sends with a session that nothing has confirmed')
    }
  }

  #give(end: WatchedEnd, index: number): void {
    const { given } = this.#known(end)
    if (given.has(index)) this.#violation(end, `hands out index ${index} again`)
    given.add(index)
  }

  #known(end: WatchedEnd): Known {
    let known = this.#ends.get(end.name)
    if (known === undefined) {
      known = { given: new Set(), sentWith: new Set(), sending: new Map(), handshakeAt: Number.NEGATIVE_INFINITY }
      this.#ends.set(end.name, known)
    }
    return known
  }

  #violation(end: WatchedEnd, what: string): void {
    if (this.violations.length < 20) this.violations.push(`${end.name} ${what}`)
  }
}
