import type { OpenSsl } from '@millrace/native'
import { type AeadKey, KEY_LENGTH, type NativeCipher } from './provider.ts'

/** One key, at a place in memory that stays the same and is wiped. */
export class NativeKey implements AeadKey {
  readonly #cipher: NativeCipher
  readonly #key: Uint8Array
  readonly address: number

  constructor(openSsl: OpenSsl, cipher: NativeCipher, key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new RangeError('a key of ChaCha20-Poly1305 has 32 bytes')
    this.#cipher = cipher
    // Off V8's moving heap from the beginning: there it might leave a copy behind.
    this.#key = new Uint8Array(new ArrayBuffer(KEY_LENGTH))
    this.#key.set(key)
    this.address = openSsl.addressOf(this.#key)
  }

  seal(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void {
    this.#cipher.seal(this.address, counterHigh, counterLow, memory, offset, length)
  }

  open(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): boolean {
    return this.#cipher.open(this.address, counterHigh, counterLow, memory, offset, length)
  }

  wipe(): void {
    this.#key.fill(0)
    this.#cipher.forget?.()
  }
}
