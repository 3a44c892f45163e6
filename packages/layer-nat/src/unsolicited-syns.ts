import type { Clock, IcmpAnswers, IpPacket, PacketPool, Timer } from '@millrace/core'
import { TCP } from './protocols.ts'
import { opensConnection } from './tcp-state.ts'

/** Copies held at once. One more gets no answer. */
const HELD = 64
/** Milliseconds in which the inside may begin the same connection: a simultaneous open (RFC 5382 REQ-4). */
const SILENCE = 6000

export interface UnsolicitedSynsOptions {
  readonly clock: Clock
  readonly pool: PacketPool
  readonly answers: IcmpAnswers
  /** Whether a packet that was for nobody is now for somebody. */
  readonly isWanted: (packet: IpPacket) => boolean
  /** Sends the answers made. */
  readonly flush: () => void
}

/** SYNs from the outside that are for nobody: refused, but not before six seconds without a SYN from the inside (RFC 5382 REQ-4). */
export class UnsolicitedSyns {
  readonly #options: UnsolicitedSynsOptions
  readonly #held: { readonly packet: IpPacket; readonly due: number }[] = []
  #timer: Timer | undefined

  constructor(options: UnsolicitedSynsOptions) {
    this.#options = options
  }

  /** To be called with each packet from the outside that is for nobody; looks at SYNs only. `now` in milliseconds. */
  add(packet: IpPacket, now: number): void {
    if (packet.protocol !== TCP || packet.isFragment || packet.transport === 0) return
    if (!opensConnection(packet.view.getUint8(packet.transport + 13)) || this.#held.length >= HELD) return
    const copy = this.#options.pool.copy(packet)
    if (copy === undefined) return
    this.#held.push({ packet: copy, due: now + SILENCE })
    this.#timer ??= this.#options.clock.setTimer(SILENCE, this.#answer)
  }

  stop(): void {
    this.#timer?.cancel()
    for (const { packet } of this.#held.splice(0)) packet.release()
  }

  readonly #answer = (): void => {
    const { clock, answers, isWanted, flush } = this.#options
    const now = clock.now()
    while (this.#held[0] !== undefined && this.#held[0].due <= now) {
      const { packet } = this.#held.shift() as { readonly packet: IpPacket }
      if (!isWanted(packet)) answers.add(packet, 'port-unreachable', now)
      packet.release()
    }
    const next = this.#held[0]
    this.#timer = next && clock.setTimer(next.due - now, this.#answer)
    flush()
  }
}
