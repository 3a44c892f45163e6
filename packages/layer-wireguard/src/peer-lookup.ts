import { ConfigurationError, type Context, type Datagram, TokenBucket } from '@millrace/core'
import { CONSUMED, type Verdict } from './device/verdict.ts'
import { type ParsedPeer, type PeerOptions, parsePeer } from './options.ts'

/** Finds a peer by its public key (base64), or undefined. It may take its time: the initiation that asks for it is kept. */
export type LookupPeer = (publicKey: string) => Promise<PeerOptions | undefined> | PeerOptions | undefined

/** Look-ups under way at once, and begun in a second, at most. Anybody who knows our public key can cause one. */
const MAX_PENDING = 256
const PER_SECOND = 256
/** Keys that were not found are not looked up again for this long, milliseconds; and so many are remembered. */
const UNKNOWN_FOR = 10_000
const MAX_UNKNOWN = 4096

/** Asks for peers that are not known, within bounds, and hands the initiation on when one is found. */
export class PeerLookup {
  readonly #lookup: LookupPeer
  readonly #context: Context
  /** Adds the peer if the initiation proves that it is the one, and answers it. */
  readonly #adopt: (peer: ParsedPeer, packet: Datagram) => Verdict
  readonly #pending = new Map<string, Datagram>()
  readonly #unknownUntil = new Map<string, number>()
  readonly #rate = new TokenBucket({ perSecond: PER_SECOND, burst: PER_SECOND })

  constructor(lookup: LookupPeer, context: Context, adopt: (peer: ParsedPeer, packet: Datagram) => Verdict) {
    this.#lookup = lookup
    this.#context = context
    this.#adopt = adopt
  }

  /** Whether the packet, an initiation of `id`, was kept until it is known who that is. */
  ask(id: string, packet: Datagram): boolean {
    const now = this.#context.clock.now()
    const earlier = this.#pending.get(id)
    if (earlier !== undefined) {
      // The latest is the one that its sender still waits for.
      earlier.release()
      packet.retain()
      this.#pending.set(id, packet)
      return true
    }
    if ((this.#unknownUntil.get(id) ?? 0) > now || this.#pending.size >= MAX_PENDING || !this.#rate.take(now))
      return false
    packet.retain()
    this.#pending.set(id, packet)
    void this.#find(id)
    return true
  }

  /** Forgets what is under way; what is found later is of no interest. */
  close(): void {
    for (const packet of this.#pending.values()) packet.release()
    this.#pending.clear()
  }

  async #find(id: string): Promise<void> {
    let peer: ParsedPeer | undefined
    try {
      const options = await this.#lookup(id)
      const found = options && parsePeer(options)
      if (found !== undefined && found.id !== id) throw new ConfigurationError(`lookupPeer: got the peer ${found.id}`)
      peer = found
    } catch (err) {
      this.#context.logger.warn({ err, publicKey: id }, 'look-up of a peer')
    }
    const packet = this.#pending.get(id)
    if (packet === undefined) return
    this.#pending.delete(id)
    const verdict = peer === undefined ? this.#notFound(id) : this.#adopt(peer, packet)
    if (verdict !== CONSUMED) this.#context.drop(verdict)
    packet.release()
  }

  #notFound(id: string): Verdict {
    const [oldest] = this.#unknownUntil.keys()
    if (this.#unknownUntil.size >= MAX_UNKNOWN && oldest !== undefined) this.#unknownUntil.delete(oldest)
    this.#unknownUntil.set(id, this.#context.clock.now() + UNKNOWN_FOR)
    return 'unknown-peer'
  }
}
