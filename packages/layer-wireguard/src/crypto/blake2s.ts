import { blake2s } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'

/** BLAKE2s-256 of the parts one after another (RFC 7693). */
export function hash(...parts: readonly Uint8Array[]): Uint8Array {
  const state = blake2s.create({ dkLen: 32 })
  for (const part of parts) state.update(part)
  return state.digest()
}

/** Keyed BLAKE2s with a 16-byte result: the MACs and the cookie (paper §5.4.4). */
export function keyedMac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = blake2s.create({ dkLen: 16, key })
  for (const part of parts) state.update(part)
  return state.digest()
}

/** HMAC-BLAKE2s, which the key derivation stands on. It is not keyed BLAKE2s. */
export function hmacBlake2s(key: Uint8Array, input: Uint8Array): Uint8Array {
  return hmac(blake2s, key, input)
}

/** HKDF with HMAC-BLAKE2s (paper §5.4, Noise §4.3): the first `count` outputs of 32 bytes. */
export function deriveKeys(count: 1 | 2 | 3, chainingKey: Uint8Array, input: Uint8Array): Uint8Array[] {
  const secret = hmacBlake2s(chainingKey, input)
  const keys: Uint8Array[] = []
  let previous: Uint8Array = new Uint8Array(0)
  for (let i = 1; i <= count; i++) {
    previous = hmacBlake2s(secret, Uint8Array.of(...previous, i))
    keys.push(previous)
  }
  secret.fill(0)
  return keys
}
