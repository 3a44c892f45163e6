import { ConfigurationError, makeFallback, systemRandom } from '@millrace/core'
import { CRYPTO, type CryptoProvider, KEY_LENGTH } from './crypto/crypto.ts'
import type { KeyPair } from './proto/handshake.ts'

/** Reads a key as `wg` writes it: 44 characters of base64. `what` names it in the error. */
export function decodeKey(text: string, what: string): Uint8Array {
  const key = Uint8Array.from(Buffer.from(text, 'base64'))
  if (key.length !== KEY_LENGTH || encodeKey(key) !== text) {
    throw new ConfigurationError(`${what}: expected a key of ${KEY_LENGTH} bytes in base64 (44 characters)`)
  }
  return key
}

export function encodeKey(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}

/** The bits that every X25519 private key has the same (RFC 7748 §5), set as `wg` shows them. In place. */
export function clamp(privateKey: Uint8Array): Uint8Array {
  privateKey[0] = (privateKey[0] as number) & 248
  privateKey[31] = ((privateKey[31] as number) & 127) | 64
  return privateKey
}

/** A new private key, base64. */
export function generatePrivateKey(): string {
  const key = new Uint8Array(KEY_LENGTH)
  systemRandom.fill(key)
  return encodeKey(clamp(key))
}

/** A new pre-shared key, base64. */
export function generatePresharedKey(): string {
  const key = new Uint8Array(KEY_LENGTH)
  systemRandom.fill(key)
  return encodeKey(key)
}

/** The public key of a private key, both base64. */
export function publicKeyOf(privateKey: string): string {
  return encodeKey(makeFallback(CRYPTO).publicKey(clamp(decodeKey(privateKey, 'private key'))))
}

/** The key pair of a private key given in bytes or base64; undefined for none. */
export function keyPairOf(crypto: CryptoProvider, key: string | Uint8Array | undefined): KeyPair | undefined {
  if (key === undefined) return undefined
  const privateKey = privateKeyBytes(key)
  return { privateKey, publicKey: crypto.publicKey(privateKey) }
}

function privateKeyBytes(key: string | Uint8Array): Uint8Array {
  const bytes = typeof key === 'string' ? decodeKey(key, 'wireguard privateKey') : key.slice()
  if (bytes.length !== KEY_LENGTH) {
    throw new ConfigurationError(`wireguard privateKey: expected ${KEY_LENGTH} bytes, got ${bytes.length}`)
  }
  return clamp(bytes)
}
