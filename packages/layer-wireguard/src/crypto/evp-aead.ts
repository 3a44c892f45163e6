import type { EvpCalls, OpenSsl } from '@millrace/native'
import { NativeKey } from './native-key.ts'
import { NativeMemory } from './native-memory.ts'
import { writeNonce } from './nonce.ts'
import { type Aead, KEY_LENGTH, type NativeCipher, TAG_LENGTH } from './provider.ts'

const EVP_CTRL_AEAD_GET_TAG = 0x10
const EVP_CTRL_AEAD_SET_TAG = 0x11
const SAME_CIPHER = 0
const NO_ENGINE = 0
const DECRYPT = 0
const ENCRYPT = 1

// What lies where in the scratch memory.
const NONCE = 0
const NONCE_LENGTH = 12
const OUTPUT_LENGTH = 16
const ZERO_KEY = 32

/** ChaCha20-Poly1305 by OpenSSL's public API, with one context for all keys. */
export function evpAead(openSsl: OpenSsl | undefined): Aead | undefined {
  const calls = openSsl?.evp
  if (openSsl === undefined || calls === undefined) return undefined
  const context = calls.EVP_CIPHER_CTX_new()
  if (context === 0) return undefined
  const cipher = new EvpCipher(openSsl, calls, context)
  return { name: cipher.name, cipher, aead: (key) => new NativeKey(openSsl, cipher, key) }
}

class EvpCipher implements NativeCipher {
  readonly name = 'evp'
  readonly #calls: EvpCalls
  readonly #memory: NativeMemory
  /** Lasts as long as the process. */
  readonly #context: number
  readonly #nonce: Uint8Array
  readonly #address: number

  constructor(openSsl: OpenSsl, calls: EvpCalls, context: number) {
    this.#calls = calls
    this.#memory = new NativeMemory(openSsl)
    this.#context = context
    const scratch = new Uint8Array(ZERO_KEY + KEY_LENGTH)
    this.#nonce = scratch.subarray(NONCE, NONCE + NONCE_LENGTH)
    this.#address = openSsl.addressOf(scratch)
    calls.EVP_CipherInit_ex(context, calls.EVP_chacha20_poly1305(), NO_ENGINE, 0, 0, ENCRYPT)
  }

  seal(key: number, high: number, low: number, memory: Uint8Array, offset: number, length: number): void {
    this.#memory.useToSeal(memory, offset, length)
    const end = this.#memory.base + offset + length
    const isSealed =
      this.#begin(key, high, low, ENCRYPT) &&
      this.#update(offset, length) &&
      this.#final(end) &&
      this.#control(EVP_CTRL_AEAD_GET_TAG, end)
    // Never seen. But what is not encrypted must not go on.
    if (!isSealed) throw new Error('OpenSSL failed to encrypt')
  }

  open(key: number, high: number, low: number, memory: Uint8Array, offset: number, sealedLength: number): boolean {
    if (!this.#memory.useToOpen(memory, offset, sealedLength)) return false
    const length = sealedLength - TAG_LENGTH
    const end = this.#memory.base + offset + length
    return (
      this.#begin(key, high, low, DECRYPT) &&
      this.#control(EVP_CTRL_AEAD_SET_TAG, end) &&
      this.#update(offset, length) &&
      this.#final(end)
    )
  }

  /** The context has a copy of the last key. */
  forget(): void {
    this.#begin(this.#address + ZERO_KEY, 0, 0, ENCRYPT)
  }

  #begin(key: number, high: number, low: number, encrypt: number): boolean {
    writeNonce(this.#nonce, high, low)
    const nonce = this.#address + NONCE
    return this.#calls.EVP_CipherInit_ex(this.#context, SAME_CIPHER, NO_ENGINE, key, nonce, encrypt) === 1
  }

  #update(offset: number, length: number): boolean {
    if (length === 0) return true
    const text = this.#memory.base + offset
    return this.#calls.EVP_CipherUpdate(this.#context, text, this.#address + OUTPUT_LENGTH, text, length) === 1
  }

  /** Nothing is left to be written to `output`: it is a stream cipher. When opening, this is where the tag is compared. */
  #final(output: number): boolean {
    return this.#calls.EVP_CipherFinal_ex(this.#context, output, this.#address + OUTPUT_LENGTH) === 1
  }

  #control(type: number, tag: number): boolean {
    return this.#calls.EVP_CIPHER_CTX_ctrl(this.#context, type, TAG_LENGTH, tag) === 1
  }
}
