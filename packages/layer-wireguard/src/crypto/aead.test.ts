import { createCipheriv } from 'node:crypto'
import { makeFallback } from '@millrace/core'
import { OPENSSL } from '@millrace/native'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aeads } from './crypto.ts'
import { SEAL_HEADROOM } from './provider.ts'

const TAG = 16

describe.each([...aeads(makeFallback(OPENSSL))])('ChaCha20-Poly1305, $name', (provider) => {
  test('the first 64 bytes of ciphertext are block 1 of the keystream (RFC 8439 A.1, test vector 2)', () => {
    const bytes = new Uint8Array(SEAL_HEADROOM + 64 + TAG)
    provider.aead(new Uint8Array(32)).seal(0, 0, bytes, SEAL_HEADROOM, 64)
    expect(Buffer.from(bytes.subarray(SEAL_HEADROOM, -TAG)).toString('hex')).toBe(
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    )
  })

  test('seals in place as OpenSSL does on its own, and opens again, whatever counter, length and offset', () => {
    fc.assert(
      fc.property(sealing, ({ key, high, low, plaintext, offset }) => {
        const memory = Buffer.alloc(offset + plaintext.length + TAG + 3, 0xee)
        memory.set(plaintext, offset)
        const aead = provider.aead(key)
        aead.seal(high, low, memory, offset, plaintext.length)
        const sealed = sealedByOpenssl(key, high, low, plaintext)
        expect(memory.subarray(offset, offset + sealed.length).equals(sealed)).toBe(true)
        const outside = (): Buffer[] => [
          memory.subarray(0, offset - SEAL_HEADROOM),
          memory.subarray(offset + sealed.length),
        ]
        const untouched = [Buffer.alloc(offset - SEAL_HEADROOM, 0xee), Buffer.alloc(3, 0xee)]
        expect(outside()).toEqual(untouched)
        memory.fill(0xdd, 0, offset)
        memory.fill(0xdd, offset + sealed.length)
        expect(aead.open(high, low, memory, offset, sealed.length)).toBe(true)
        expect(memory.subarray(offset, offset + plaintext.length).equals(plaintext)).toBe(true)
        expect(memory.subarray(0, offset).every((byte) => byte === 0xdd)).toBe(true)
        expect(memory.subarray(offset + sealed.length).every((byte) => byte === 0xdd)).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('every length up to 2,000', () => {
    const key = Buffer.alloc(32, 0x42)
    const aead = provider.aead(key)
    const text = Buffer.from(Uint8Array.from({ length: 2000 }, (_, i) => (i * 167) >> 3))
    const wrong: number[] = []
    for (let length = 0; length <= text.length; length++) {
      const memory = Buffer.alloc(SEAL_HEADROOM + length + TAG)
      memory.set(text.subarray(0, length), SEAL_HEADROOM)
      aead.seal(1, length, memory, SEAL_HEADROOM, length)
      const isSealed = memory.subarray(SEAL_HEADROOM).equals(sealedByOpenssl(key, 1, length, text.subarray(0, length)))
      const isOpen = aead.open(1, length, memory, SEAL_HEADROOM, length + TAG)
      const isSame = memory.subarray(SEAL_HEADROOM, -TAG).equals(text.subarray(0, length))
      if (!isSealed || !isOpen || !isSame) wrong.push(length)
    }
    expect(wrong).toEqual([])
  })

  test('does not open with one bit flipped, under another counter or key, or cut short', () => {
    fc.assert(
      fc.property(sealing, fc.nat(), ({ key, high, low, plaintext }, anyBit) => {
        const sealed = sealedByOpenssl(key, high, low, plaintext)
        const opens = (bytes: Uint8Array, withKey = key, h = high, l = low): boolean =>
          provider.aead(withKey).open(h, l, Buffer.from(bytes), 0, bytes.length)
        expect(opens(sealed)).toBe(true)
        expect(opens(flipped(sealed, anyBit % (sealed.length * 8)))).toBe(false)
        expect(opens(sealed, Buffer.from(flipped(key, anyBit % 256)))).toBe(false)
        expect(opens(sealed, key, (high ^ 1) >>> 0, low)).toBe(false)
        expect(opens(sealed, key, high, (low ^ 0x8000_0000) >>> 0)).toBe(false)
        expect(opens(sealed.subarray(0, -1))).toBe(false)
        expect(opens(sealed.subarray(1))).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  test.each([0, 16, 33])('of %i bytes, no bit can be another, and neighbours stay as they are', (length) => {
    const key = Buffer.alloc(32, 3)
    const aead = provider.aead(key)
    const sealed = sealedByOpenssl(key, 0, 1, Buffer.alloc(length, 5))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const memory = Buffer.concat([Buffer.alloc(64, 0xee), flipped(sealed, bit), Buffer.alloc(64, 0xee)])
      expect(aead.open(0, 1, memory, 64, sealed.length)).toBe(false)
      expect(memory.subarray(0, 64)).toEqual(Buffer.alloc(64, 0xee))
      expect(memory.subarray(-64)).toEqual(Buffer.alloc(64, 0xee))
    }
  })

  test('nothing shorter than a tag opens', () => {
    const aead = provider.aead(new Uint8Array(32))
    for (let length = 0; length < TAG; length++) expect(aead.open(0, 0, new Uint8Array(40), 8, length)).toBe(false)
  })

  test('leaves nothing of the one-time key or the plaintext before the packet', () => {
    const key = Buffer.alloc(32, 9)
    const memory = Buffer.alloc(SEAL_HEADROOM + 100 + TAG, 0xa7)
    provider.aead(key).seal(0, 0, memory, SEAL_HEADROOM, 100)
    // RFC 8439 §2.6: the first 32 bytes of block 0; OpenSSL takes block and nonce as one 16-byte IV.
    const oneTimeKey = createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(32))
    for (let i = 0; i < 32; i += 4) {
      expect(memory.subarray(0, SEAL_HEADROOM).includes(oneTimeKey.subarray(i, i + 4))).toBe(false)
    }
  })

  test('packets one behind the other, sealed from the last to the first', () => {
    const key = Buffer.alloc(32, 4)
    const aead = provider.aead(key)
    const [stride, count] = [16 + 60 + TAG, 5]
    const memory = Buffer.alloc(SEAL_HEADROOM + count * stride)
    const place = (i: number): number => SEAL_HEADROOM + i * stride
    for (let i = count - 1; i >= 0; i--) {
      memory.fill(i, place(i), place(i) + 60)
      aead.seal(0, i, memory, place(i), 60)
    }
    for (let i = 0; i < count; i++) {
      expect(memory.subarray(place(i), place(i) + 76)).toEqual(sealedByOpenssl(key, 0, i, Buffer.alloc(60, i)))
    }
  })

  test('several memories in turns, also a shared one and a part of another', () => {
    const key = Buffer.alloc(32, 6)
    const aead = provider.aead(key)
    const whole = new Uint8Array(4096)
    const memories = [new Uint8Array(512), whole.subarray(1001, 1513), new Uint8Array(new SharedArrayBuffer(512))]
    for (let i = 0; i < 9; i++) {
      const memory = memories[i % 3] as Uint8Array
      memory.fill(i)
      aead.seal(0, i, memory, 100, 200)
      const sealed = sealedByOpenssl(key, 0, i, Buffer.alloc(200, i))
      expect(Buffer.from(memory.subarray(100, 316))).toEqual(sealed)
      expect(aead.open(0, i, memory, 100, 216)).toBe(true)
      expect(Buffer.from(memory.subarray(100, 300))).toEqual(Buffer.alloc(200, i))
    }
    expect(whole.subarray(0, 1001).every((byte) => byte === 0)).toBe(true)
    expect(whole.subarray(1513).every((byte) => byte === 0)).toBe(true)
  })

  test('keeps its own copy of the key, and wipes it', () => {
    const key = new Uint8Array(32).fill(7)
    const aead = provider.aead(key)
    const expected = sealedByOpenssl(Buffer.alloc(32, 7), 0, 5, Buffer.alloc(4))
    key.fill(0)
    const bytes = Buffer.alloc(SEAL_HEADROOM + 20)
    aead.seal(0, 5, bytes, SEAL_HEADROOM, 4)
    expect(bytes.subarray(SEAL_HEADROOM)).toEqual(expected)
    aead.wipe()
    expect(aead.open(0, 5, bytes, SEAL_HEADROOM, 20)).toBe(false)
  })
})

const word = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000))
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((array) => Buffer.from(array))
const sealing = fc.record({
  key: bytes(32, 32),
  high: word,
  low: word,
  plaintext: bytes(0, 2000),
  offset: fc.integer({ min: SEAL_HEADROOM, max: SEAL_HEADROOM + 17 }),
})

/** What `seal` should give, by the public API and with the nonce written out (paper §5.4.6). */
function sealedByOpenssl(key: Uint8Array, high: number, low: number, plaintext: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64LE((BigInt(high) << 32n) | BigInt(low), 4)
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function flipped(input: Uint8Array, bit: number): Uint8Array {
  const copy = input.slice()
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
