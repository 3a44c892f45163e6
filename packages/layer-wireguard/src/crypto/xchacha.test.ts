import { makeFallback } from '@millrace/core'
import { OPENSSL } from '@millrace/native'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { oneTimeAeads } from './crypto.ts'
import { sealExtended } from './xchacha.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })

// macs.test.ts checks noble's against the draft.
describe.each([...oneTimeAeads(makeFallback(OPENSSL))])('XChaCha20-Poly1305 with the AEAD of $name', (aead) => {
  test('seals as noble does', () => {
    const text = fc.uint8Array({ maxLength: 128 })
    fc.assert(
      fc.property(bytes(32), bytes(24), bytes(16), text, (key, nonce, associated, plaintext) => {
        const expected = xchacha20poly1305(key, nonce, associated).encrypt(plaintext)
        expect(Buffer.from(sealExtended(aead, key, nonce, associated, plaintext))).toEqual(Buffer.from(expected))
      }),
    )
  })

  test('leaves no nonce behind for the next key', () => {
    const [key, text] = [new Uint8Array(32).fill(1), new Uint8Array(16)]
    const before = aead.sealOnce(key, text, text)
    sealExtended(aead, key, new Uint8Array(24).fill(2), text, text)
    expect(aead.sealOnce(key, text, text)).toEqual(before)
  })
})
