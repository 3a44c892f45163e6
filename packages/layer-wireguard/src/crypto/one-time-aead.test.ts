import { makeFallback } from '@millrace/core'
import { OPENSSL, type OpenSsl } from '@millrace/native'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { oneTimeAeads } from './crypto.ts'
import { openSslOneTimeAead } from './openssl-one-time-aead.ts'
import { ONE_TIME_LIMIT } from './provider.ts'

const NONCE = new Uint8Array(12)
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((array) => Buffer.from(array))
const texts = [bytes(32, 32), bytes(0, ONE_TIME_LIMIT), bytes(0, ONE_TIME_LIMIT)] as const
const openSsl = makeFallback(OPENSSL)

describe.each([...oneTimeAeads(openSsl)])('ChaCha20-Poly1305 for keys that encrypt once, $name', (aead) => {
  test('seals as noble does, and opens again', () => {
    fc.assert(
      fc.property(...texts, (key, associated, plaintext) => {
        const sealed = aead.sealOnce(key, associated, plaintext)
        expect(Buffer.from(sealed)).toEqual(Buffer.from(chacha20poly1305(key, NONCE, associated).encrypt(plaintext)))
        expect(Buffer.from(aead.openOnce(key, associated, sealed) ?? 'nothing')).toEqual(plaintext)
      }),
    )
  })

  test("its results are their receiver's alone", () => {
    const key = Buffer.alloc(32, 1)
    const first = aead.sealOnce(key, NONCE, Buffer.alloc(20, 2))
    const before = Buffer.from(first)
    aead.openOnce(key, NONCE, aead.sealOnce(Buffer.alloc(32, 3), NONCE, Buffer.alloc(20, 4)))
    expect(Buffer.from(first)).toEqual(before)
    expect(first.byteLength).toBe(36)
  })

  test.each([0, 12, 32])('of %i bytes, no bit of text, tag or associated data can be another', (length) => {
    const [key, associated] = [Buffer.alloc(32, 3), Buffer.alloc(32, 7)]
    const sealed = aead.sealOnce(key, associated, Buffer.alloc(length, 5))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      expect(aead.openOnce(key, associated, flipped(sealed, bit))).toBeUndefined()
    }
    for (let bit = 0; bit < 256; bit++) {
      expect(aead.openOnce(key, flipped(associated, bit), sealed)).toBeUndefined()
      expect(aead.openOnce(flipped(key, bit), associated, sealed)).toBeUndefined()
    }
    expect(aead.openOnce(key, associated.subarray(1), sealed)).toBeUndefined()
    expect(aead.openOnce(key, associated, sealed)).toHaveLength(length)
  })

  test('nothing shorter than a tag opens', () => {
    for (let length = 0; length < 16; length++) {
      expect(aead.openOnce(new Uint8Array(32), NONCE, new Uint8Array(length))).toBeUndefined()
    }
  })
})

describe.skipIf(!openSsl?.chacha20Poly1305)('of OpenSSL (needs koffi and a Node.js that exports its symbols)', () => {
  test('nothing of a message stays behind, whether it is right or forged', () => {
    const handed: Uint8Array[] = []
    const aead = openSslOneTimeAead({
      ...(openSsl as OpenSsl),
      addressOf: (buffer) => {
        handed.push(buffer)
        return (openSsl as OpenSsl).addressOf(buffer)
      },
    })
    const isClean = (): boolean => handed.length > 0 && handed.every((memory) => memory.every((byte) => byte === 0))
    const [key, associated] = [Buffer.alloc(32, 3), Buffer.alloc(32, 7)]
    const sealed = aead?.sealOnce(key, associated, Buffer.alloc(30, 5)) as Uint8Array
    expect(isClean()).toBe(true)
    expect(aead?.openOnce(key, associated, sealed)).toBeDefined()
    expect(isClean()).toBe(true)
    expect(aead?.openOnce(key, associated, flipped(sealed, 300))).toBeUndefined()
    expect(isClean()).toBe(true)
  })

  test('what has no room is refused, and the next one is right', () => {
    const aead = openSslOneTimeAead(openSsl)
    const [key, most, tooMuch] = [
      new Uint8Array(32),
      new Uint8Array(ONE_TIME_LIMIT),
      new Uint8Array(ONE_TIME_LIMIT + 1),
    ]
    expect(() => aead?.sealOnce(key, tooMuch, most)).toThrow(RangeError)
    expect(() => aead?.sealOnce(key, most, tooMuch)).toThrow(RangeError)
    expect(() => aead?.sealOnce(new Uint8Array(31), most, most)).toThrow(RangeError)
    expect(aead?.openOnce(key, tooMuch, most)).toBeUndefined()
    expect(aead?.openOnce(key, most, new Uint8Array(ONE_TIME_LIMIT + 17))).toBeUndefined()
    expect(aead?.openOnce(new Uint8Array(33), most, most)).toBeUndefined()
    expect(aead?.openOnce(key, most, aead.sealOnce(key, most, most))).toHaveLength(ONE_TIME_LIMIT)
  })
})

function flipped(input: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(input)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
