import { expect, test } from 'vitest'
import { AEAD, HASHES, ONE_TIME_AEAD, X25519 } from './known-answers.ts'
import { nobleCrypto } from './noble.ts'
import { nobleHashes } from './noble-hashes.ts'
import { SEAL_HEADROOM } from './provider.ts'

test('of X25519 are noble’s', () => {
  expect(Buffer.from(nobleCrypto.sharedSecret(X25519.scalar, X25519.point) ?? [])).toEqual(X25519.shared)
  expect(Buffer.from(nobleCrypto.publicKey(X25519.privateKey))).toEqual(X25519.publicKey)
})

test.each([...AEAD.tags])('of the AEAD are noble’s: %i bytes', (length, tag) => {
  const memory = Buffer.alloc(SEAL_HEADROOM + length + 16, 0xa5)
  nobleCrypto.aead(AEAD.key).seal(AEAD.counterHigh, AEAD.counterLow, memory, SEAL_HEADROOM, length)
  expect(memory.subarray(-16)).toEqual(tag)
})

test.each([...ONE_TIME_AEAD.tags])('of the AEAD for handshakes are noble’s: %i bytes', (length, tag) => {
  const sealed = nobleCrypto.sealOnce(ONE_TIME_AEAD.key, ONE_TIME_AEAD.associated, Buffer.alloc(length, 0xa5))
  expect(Buffer.from(sealed).subarray(-16)).toEqual(tag)
})

test('of the hashes are noble’s', () => {
  const { abc, key, input, hash, keyedMac, derivedKeys } = HASHES
  expect(Buffer.from(nobleHashes.hash(Buffer.from('abc')))).toEqual(abc)
  expect(Buffer.from(nobleHashes.hash(key, input))).toEqual(hash)
  expect(Buffer.from(nobleHashes.keyedMac(key, input))).toEqual(keyedMac)
  expect(nobleHashes.deriveKeys(3, key, input).map((derived) => Buffer.from(derived))).toEqual(derivedKeys)
})
