import { type Token, token } from '@millrace/core'
import { nobleCrypto } from './noble.ts'
import { nodeCrypto } from './node.ts'
import { selfTest } from './self-test.ts'

/** Length of keys, hashes and points, bytes. */
export const KEY_LENGTH = 32
/** Length of a Poly1305 tag, bytes. */
export const TAG_LENGTH = 16

/** ChaCha20-Poly1305 (RFC 8439) under one key, in place, with WireGuard's nonce (4 zero bytes, little-endian counter) and no associated data. */
export interface AeadKey {
  /** Encrypts `length` bytes at `offset` and writes the tag behind them, where 16 bytes must be free. */
  seal(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): void
  /** Decrypts `length` bytes at `offset`, tag included. False if it does not authenticate; the bytes are then undefined. */
  open(counterHigh: number, counterLow: number, memory: Uint8Array, offset: number, length: number): boolean
  /** Overwrites the key; it must not be used again. */
  wipe(): void
}

/**
 * The primitives that have more than one implementation. The hash (BLAKE2s) and the AEAD of the handshake are always
 * noble's: neither is on the packet path.
 */
export interface CryptoProvider {
  readonly name: string
  /** X25519 (RFC 7748). Undefined if the result is all zero, that is, the point is of low order. Never throws. */
  sharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  publicKey(privateKey: Uint8Array): Uint8Array
  aead(key: Uint8Array): AeadKey
}

/** The fastest provider that is there and gives the right answers: Node's OpenSSL, else noble. */
export function chooseCrypto(): CryptoProvider {
  return selfTest(nodeCrypto) ? nodeCrypto : nobleCrypto
}

let chosen: CryptoProvider | undefined

export const CRYPTO: Token<CryptoProvider> = token('Crypto', () => {
  chosen ??= chooseCrypto()
  return chosen
})
