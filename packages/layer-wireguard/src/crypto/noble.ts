import { createRequire } from 'node:module'
import type * as Ed25519 from '@noble/curves/ed25519.js'
import { nobleCiphers } from './noble-ciphers.ts'
import { writeNonce } from './nonce.ts'
import type { AeadKey, CryptoProvider } from './provider.ts'

const ZERO_NONCE = new Uint8Array(12)

let curve: typeof Ed25519.x25519 | undefined

/** Loaded when it is first needed, as the ciphers are. */
function x25519(): typeof Ed25519.x25519 {
  curve ??= (createRequire(import.meta.url)('@noble/curves/ed25519.js') as typeof Ed25519).x25519
  return curve
}

/** The reference: pure JavaScript, there wherever JavaScript is. */
export const nobleCrypto: CryptoProvider = {
  name: 'noble',
  sharedSecret(privateKey, publicKey) {
    try {
      return x25519().getSharedSecret(privateKey, publicKey)
    } catch {
      // noble refuses points of low order by throwing.
      return undefined
    }
  },
  publicKey: (privateKey) => x25519().getPublicKey(privateKey),
  aead: (key) => new NobleKey(key),
  sealOnce: (key, associated, plaintext, nonce = ZERO_NONCE) =>
    nobleCiphers().chacha20poly1305(key, nonce, associated).encrypt(plaintext),
  openOnce(key, associated, sealed) {
    try {
      return nobleCiphers().chacha20poly1305(key, ZERO_NONCE, associated).decrypt(sealed)
    } catch {
      return undefined
    }
  },
}

class NobleKey implements AeadKey {
  readonly #key: Uint8Array
  readonly #nonce = new Uint8Array(12)

  constructor(key: Uint8Array) {
    this.#key = key.slice()
  }

  seal(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void {
    writeNonce(this.#nonce, counterHigh, counterLow)
    const plaintext = memory.subarray(offset, offset + length)
    nobleCiphers()
      .chacha20poly1305(this.#key, this.#nonce)
      .encrypt(plaintext, memory.subarray(offset, offset + length + 16))
  }

  open(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): boolean {
    if (length < 16) return false
    writeNonce(this.#nonce, counterHigh, counterLow)
    const ciphertext = memory.subarray(offset, offset + length)
    try {
      nobleCiphers()
        .chacha20poly1305(this.#key, this.#nonce)
        .decrypt(ciphertext, memory.subarray(offset, offset + length - 16))
      return true
    } catch {
      return false
    }
  }

  wipe(): void {
    this.#key.fill(0)
  }
}
