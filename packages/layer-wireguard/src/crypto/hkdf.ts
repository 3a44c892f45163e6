import { BLOCK, Blake2s, beginState, bytesOf, copyState, HASH_LENGTH, hash } from './blake2s.ts'
import { compress } from './blake2s-rounds.ts'

const NOTHING = new Uint8Array(0)
const INNER = 0x3636_3636
const OUTER = 0x5c5c_5c5c

/**
 * HMAC-BLAKE2s (RFC 2104), which the key derivation stands on. It is not keyed BLAKE2s. Word by word where it can be: byte
 * by byte a derivation takes half as long again.
 */
class Hmac {
  readonly #message = new Blake2s()
  /** Filled up with zeros. */
  readonly #key = new Uint8Array(BLOCK)
  readonly #keyView = new DataView(this.#key.buffer)
  readonly #block = new DataView(new ArrayBuffer(BLOCK))
  /** The states behind the key's block, so that its second message does not pay for it again. */
  readonly #inner = new Int32Array(8)
  readonly #outer = new Int32Array(8)
  readonly #result = new Int32Array(8)

  setKey(key: Uint8Array): void {
    this.#key.fill(0)
    this.#key.set(key.length > BLOCK ? hash(key) : key)
    this.#takeKey(this.#inner, INNER, false)
    this.#takeKey(this.#outer, OUTER, false)
  }

  /** The HMAC of two parts one after another, 32 bytes. */
  of(part: Uint8Array, another: Uint8Array): Uint8Array {
    const inner = this.#innerHash(part, another)
    const [block, result] = [this.#block, this.#result]
    for (let i = 0; i < 8; i++) {
      block.setInt32(i * 4, inner[i] as number, true)
      block.setInt32(HASH_LENGTH + i * 4, 0)
    }
    copyState(this.#outer, result)
    compress(result, block, BLOCK + HASH_LENGTH, true)
    return bytesOf(result, HASH_LENGTH)
  }

  wipe(): void {
    this.#message.wipe()
    this.#key.fill(0)
    this.#inner.fill(0)
    this.#outer.fill(0)
    this.#result.fill(0)
    for (let i = 0; i < BLOCK; i += 4) this.#block.setInt32(i, 0)
  }

  #innerHash(part: Uint8Array, another: Uint8Array): Int32Array {
    // Nothing comes behind the key's block, so it is the last one.
    if (part.length + another.length === 0) {
      this.#takeKey(this.#result, INNER, true)
      return this.#result
    }
    this.#message.resume(this.#inner)
    this.#message.update(part)
    this.#message.update(another)
    return this.#message.finish()
  }

  #takeKey(state: Int32Array, mask: number, isLast: boolean): void {
    const [key, block] = [this.#keyView, this.#block]
    for (let i = 0; i < BLOCK; i += 4) block.setInt32(i, key.getInt32(i, true) ^ mask, true)
    beginState(state, HASH_LENGTH, 0)
    compress(state, block, BLOCK, isLast)
  }
}

const hmac = new Hmac()
const COUNTERS = [1, 2, 3].map((i) => Uint8Array.of(i))

export function hmacBlake2s(key: Uint8Array, input: Uint8Array): Uint8Array {
  hmac.setKey(key)
  const output = hmac.of(input, NOTHING)
  hmac.wipe()
  return output
}

/** HKDF with HMAC-BLAKE2s (paper §5.4, Noise §4.3): the first `count` outputs of 32 bytes. */
export function deriveKeys(count: 1 | 2 | 3, chainingKey: Uint8Array, input: Uint8Array): Uint8Array[] {
  hmac.setKey(chainingKey)
  const secret = hmac.of(input, NOTHING)
  hmac.setKey(secret)
  secret.fill(0)
  const keys: Uint8Array[] = []
  let previous: Uint8Array = NOTHING
  for (let i = 0; i < count; i++) {
    previous = hmac.of(previous, COUNTERS[i] as Uint8Array)
    keys.push(previous)
  }
  hmac.wipe()
  return keys
}
