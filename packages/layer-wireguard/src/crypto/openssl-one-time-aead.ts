import { timingSafeEqual } from 'node:crypto'
import type { ChaCha20Poly1305Calls, OpenSsl } from '@millrace/native'
import { KEY_LENGTH, ONE_TIME_LIMIT, type OneTimeAead, TAG_LENGTH } from './provider.ts'

/** A block of ChaCha20. Of block 0 the first half is the one-time key of Poly1305 (RFC 8439 §2.6). */
const BLOCK = 64
const LENGTHS_LENGTH = 16

// What lies where in the scratch memory. The text follows block 0, so that one pass makes both. The Poly1305 context
// comes last: only OpenSSL knows its size.
const COUNTER = 0
const NONCE = 4
const KEY = 16
const ASSOCIATED = KEY + KEY_LENGTH
const BLOCK_0 = ASSOCIATED + ONE_TIME_LIMIT
const TEXT = BLOCK_0 + BLOCK
const TAG = TEXT + ONE_TIME_LIMIT + LENGTHS_LENGTH
const CONTEXT = TAG + TAG_LENGTH

/** The AEAD of a handshake from OpenSSL's own ChaCha20 and Poly1305: 1 µs; by Node's API it is 4, by noble 6. */
export function openSslOneTimeAead(openSsl: OpenSsl | undefined): OneTimeAead | undefined {
  const calls = openSsl?.chacha20Poly1305
  return openSsl && calls && new OpenSslOneTimeAead(openSsl, calls)
}

/** All of a message is copied into the scratch memory, which is zero again when a call returns. */
class OpenSslOneTimeAead implements OneTimeAead {
  readonly name = 'openssl'
  readonly #calls: ChaCha20Poly1305Calls
  readonly #scratch: Uint8Array
  readonly #view: DataView
  /** Block and nonce as ChaCha20_ctr32 has them, words in host order. */
  readonly #counter: Uint32Array
  readonly #address: number

  constructor(openSsl: OpenSsl, calls: ChaCha20Poly1305Calls) {
    this.#calls = calls
    this.#scratch = new Uint8Array(CONTEXT + calls.Poly1305_ctx_size())
    this.#view = new DataView(this.#scratch.buffer)
    this.#counter = new Uint32Array(this.#scratch.buffer, COUNTER, 4)
    this.#address = openSsl.addressOf(this.#scratch)
  }

  sealOnce(key: Uint8Array, associated: Uint8Array, plaintext: Uint8Array, nonce?: Uint8Array): Uint8Array {
    const { length } = plaintext
    if (!fits(key, associated, length)) throw new RangeError('a key of 32 bytes, texts of at most 128')
    this.#put(key, associated, plaintext)
    if (nonce !== undefined) this.#scratch.set(nonce, NONCE)
    this.#cipher(BLOCK_0, BLOCK + length)
    this.#authenticate(associated.length, length)
    const sealed = new Uint8Array(length + TAG_LENGTH)
    sealed.set(this.#scratch.subarray(TEXT, TEXT + length))
    sealed.set(this.#scratch.subarray(TAG, TAG + TAG_LENGTH), length)
    this.#scratch.fill(0)
    return sealed
  }

  /** Verifies before it decrypts, so block 0 takes a pass of its own. */
  openOnce(key: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - TAG_LENGTH
    if (!fits(key, associated, length)) return undefined
    this.#put(key, associated, sealed.subarray(0, length))
    this.#cipher(BLOCK_0, BLOCK)
    this.#authenticate(associated.length, length)
    const isRight = timingSafeEqual(this.#scratch.subarray(TAG, TAG + TAG_LENGTH), sealed.subarray(length))
    const plaintext = isRight ? this.#decrypted(sealed.subarray(0, length)) : undefined
    this.#scratch.fill(0)
    return plaintext
  }

  #decrypted(ciphertext: Uint8Array): Uint8Array {
    this.#scratch.set(ciphertext, TEXT)
    this.#counter[0] = 1
    this.#cipher(TEXT, ciphertext.length)
    return this.#scratch.slice(TEXT, TEXT + ciphertext.length)
  }

  #put(key: Uint8Array, associated: Uint8Array, text: Uint8Array): void {
    this.#scratch.set(key, KEY)
    this.#scratch.set(associated, ASSOCIATED)
    this.#scratch.set(text, TEXT)
  }

  #cipher(at: number, length: number): void {
    const text = this.#address + at
    this.#calls.ChaCha20_ctr32(text, text, length, this.#address + KEY, this.#address + COUNTER)
  }

  /** Puts the tag at TAG (RFC 8439 §2.8). What lies between the texts and the next multiple of 16 is zero. */
  #authenticate(associated: number, length: number): void {
    const end = TEXT + padded(length)
    this.#view.setUint32(end, associated, true)
    this.#view.setUint32(end + 8, length, true)
    const context = this.#address + CONTEXT
    this.#calls.Poly1305_Init(context, this.#address + BLOCK_0)
    this.#calls.Poly1305_Update(context, this.#address + ASSOCIATED, padded(associated))
    this.#calls.Poly1305_Update(context, this.#address + TEXT, padded(length) + LENGTHS_LENGTH)
    this.#calls.Poly1305_Final(context, this.#address + TAG)
  }
}

function fits(key: Uint8Array, associated: Uint8Array, length: number): boolean {
  return key.length === KEY_LENGTH && associated.length <= ONE_TIME_LIMIT && length >= 0 && length <= ONE_TIME_LIMIT
}

function padded(length: number): number {
  return (length + 15) & ~15
}
