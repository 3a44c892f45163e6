import type { Datagram } from '@millrace/core'
import { HANDSHAKE_QUEUE_LENGTH, UNDER_LOAD_AFTER_TIME, UNDER_LOAD_QUEUE_LENGTH } from '../proto/constants.ts'
import { RateLimiter } from './rate-limiter.ts'
import type { DeviceState } from './state.ts'
import { CONSUMED, PASS, type Verdict } from './verdict.ts'

/** Handshake messages looked at in one step, at most: each may cost several Diffie-Hellmans, and packets wait meanwhile. */
const PER_STEP = 8

/**
 * What stands before the Diffie-Hellman (paper §5.3): mac1; under load a cookie and a limit per source; then a bounded
 * queue, so that a flood of handshakes neither holds up the packets nor takes more than its share of memory.
 */
export class Admission {
  readonly #state: DeviceState
  readonly #process: (packet: Datagram) => Verdict
  readonly #limiter = new RateLimiter()
  readonly #queue: Datagram[] = []
  #left = PER_STEP
  #lastOverload = Number.NEGATIVE_INFINITY

  constructor(state: DeviceState, process: (packet: Datagram) => Verdict) {
    this.#state = state
    this.#process = process
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Whether the queue is, or was less than a second ago, an eighth full or more. */
  get underLoad(): boolean {
    const { now } = this.#state
    if (this.#queue.length >= UNDER_LOAD_QUEUE_LENGTH) this.#lastOverload = now
    return now - this.#lastOverload < UNDER_LOAD_AFTER_TIME
  }

  beginStep(): void {
    this.#left = PER_STEP
  }

  /** Takes a handshake message of the right length. */
  admit(packet: Datagram): Verdict {
    const { identity, now, output } = this.#state
    if (identity === undefined) return 'no-private-key'
    const message = packet.bytes()
    if (!identity.verifier.verifyMac1(message)) return 'bad-mac1'
    if (this.underLoad) {
      if (!identity.cookies.verifyMac2(message, packet.remote, now)) {
        output.transmitMessage(identity.cookies.reply(message, packet.remote, now), packet.remote, packet.local)
        return 'under-load'
      }
      if (!this.#limiter.allow(packet.remote, now)) return 'rate-limited'
    }
    if (this.#queue.length === 0 && this.#left > 0) {
      this.#left--
      return this.#process(packet)
    }
    if (this.#queue.length >= HANDSHAKE_QUEUE_LENGTH) return 'handshake-queue-full'
    packet.retain()
    this.#queue.push(packet)
    return CONSUMED
  }

  /** Looks at as many queued messages as one step may. */
  work(): void {
    const { output } = this.#state
    for (const packet of this.#queue.splice(0, this.#left)) {
      this.#left--
      const verdict = this.#process(packet)
      if (verdict !== CONSUMED && verdict !== PASS) output.drop(verdict, 1)
      packet.release()
    }
  }

  clear(): void {
    const queued = this.#queue.splice(0)
    if (queued.length > 0) this.#state.output.drop('device-closed', queued.length)
    for (const packet of queued) packet.release()
  }
}
