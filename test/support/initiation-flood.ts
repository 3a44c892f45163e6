import { makeFallback, SocketAddress, systemRandom } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { CRYPTO, type CryptoProvider } from '../../packages/layer-wireguard/src/crypto/crypto.ts'
import { CONSTRUCTION, IDENTIFIER } from '../../packages/layer-wireguard/src/proto/constants.ts'
import { createInitiation, type KeyPair } from '../../packages/layer-wireguard/src/proto/handshake.ts'
import { MacStamper } from '../../packages/layer-wireguard/src/proto/macs.ts'
import { INITIATION_LENGTH, writeInitiation } from '../../packages/layer-wireguard/src/proto/messages.ts'
import { SymmetricState } from '../../packages/layer-wireguard/src/proto/noise.ts'
import { tai64n } from '../../packages/layer-wireguard/src/proto/tai64n.ts'

const GARBAGE = 256
const OF_STRANGERS = 256
/** One in so many has a mac2 that is not zero, which costs more to refuse. */
const WITH_MAC2 = 8
const START = Date.UTC(2026, 0, 1)
const crypto = makeFallback(CRYPTO)
const initial = SymmetricState.initialize(CONSTRUCTION, Buffer.from(IDENTIFIER))

export interface FloodMessage {
  readonly bytes: Uint8Array
  readonly from: SocketAddress
}

/**
 * Initiations that only who knows the responder's public key can make: mac1 is right. What is in them is noise, or a whole
 * handshake of somebody unknown, by turns; each has another index and comes from another address, IPv4 or IPv6.
 */
export class InitiationFlood {
  readonly #random: SeededRandom
  readonly #stamper: MacStamper
  readonly #templates: readonly Uint8Array[]
  #count = 0

  constructor(responder: Uint8Array, seed = 1) {
    this.#random = new SeededRandom(seed)
    this.#stamper = new MacStamper(responder)
    const strangers = Array.from({ length: OF_STRANGERS }, () => this.#ofStranger(responder))
    const garbage = Array.from({ length: GARBAGE }, () => this.#garbage())
    this.#templates = strangers.flatMap((stranger, i) => [stranger, garbage[i] as Uint8Array])
  }

  /** How many were made. */
  get count(): number {
    return this.#count
  }

  next(): FloodMessage {
    const count = this.#count++
    const bytes = (this.#templates[count % this.#templates.length] as Uint8Array).slice()
    new DataView(bytes.buffer).setUint32(4, this.#random.uint32(), true)
    this.#stamper.stamp(bytes, 0)
    if (count % WITH_MAC2 === 0) bytes.fill(0xa5, INITIATION_LENGTH - 16)
    return { bytes, from: this.#somewhere(count) }
  }

  #somewhere(count: number): SocketAddress {
    const word = this.#random.uint32()
    const port = 1024 + (this.#random.uint32() % 64_000)
    const [a, b, c] = [(word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]
    if (count % 3 === 0)
      return new SocketAddress(6, `2001:db8:${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}::1`, port)
    return new SocketAddress(4, `10.${a}.${b}.${c}`, port)
  }

  #ofStranger(responder: Uint8Array): Uint8Array {
    const privateKey = new Uint8Array(32)
    this.#random.fill(privateKey)
    return initiationBytes(crypto, { privateKey, publicKey: crypto.publicKey(privateKey) }, responder, 0)
  }

  #garbage(): Uint8Array {
    const bytes = new Uint8Array(INITIATION_LENGTH)
    this.#random.fill(bytes)
    bytes.set([1, 0, 0, 0])
    return bytes
  }
}

/** An initiation as it should be, but for its MACs. Its TAI64N is that of `time`, milliseconds after 2026 began. */
export function initiationBytes(
  crypto: CryptoProvider,
  initiator: KeyPair,
  responder: Uint8Array,
  time: number,
): Uint8Array {
  const ephemeral = new Uint8Array(32)
  systemRandom.fill(ephemeral)
  const shared = crypto.sharedSecret(initiator.privateKey, responder) as Uint8Array
  const stamp = tai64n(START + time)
  const made = createInitiation(crypto, initial, initiator, responder, shared, ephemeral, stamp)
  if (made === undefined) throw new Error('no initiation for this responder')
  return writeInitiation(0, made.ephemeral, made.encryptedStatic, made.encryptedPayload)
}
