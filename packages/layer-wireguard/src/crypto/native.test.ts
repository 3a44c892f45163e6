import { createCipheriv } from 'node:crypto'
import { makeFallback } from '@millrace/core'
import { OPENSSL, type OpenSsl } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { evpAead } from './evp-aead.ts'
import { openSslAead } from './openssl-aead.ts'
import { openSslCurve } from './openssl-curve.ts'

const real = makeFallback(OPENSSL)
const isWhole = real?.chacha20Poly1305 && real.evp && real.x25519
const KEY = Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => 0x81 + i))
// RFC 8439 §2.6: the first 32 bytes of block 0; OpenSSL takes block and nonce as one 16-byte IV.
const ONE_TIME_KEY = createCipheriv('chacha20', KEY, Buffer.alloc(16)).update(Buffer.alloc(32))

/** OpenSSL, and all memory that was handed to it. */
function watched(): { openSsl: OpenSsl; handed: Uint8Array[] } {
  const handed: Uint8Array[] = []
  const addressOf = (buffer: Uint8Array): number => {
    handed.push(buffer)
    return (real as OpenSsl).addressOf(buffer)
  }
  return { openSsl: { ...(real as OpenSsl), addressOf }, handed }
}

/** Whether four bytes in a row of `secret` stand anywhere in `memory`. */
function remains(secret: Uint8Array, memory: readonly Uint8Array[]): boolean {
  const pieces = Array.from({ length: secret.length / 4 }, (_, i) => Buffer.from(secret).subarray(i * 4, i * 4 + 4))
  return memory.some((bytes) => pieces.some((piece) => Buffer.from(bytes).includes(piece)))
}

describe.skipIf(!isWhole)('OpenSSL by address (needs koffi and a Node.js that exports all its symbols)', () => {
  describe.each([
    ['openssl', openSslAead],
    ['evp', evpAead],
  ] as const)('%s', (_name, make) => {
    test('nothing of the key remains when it is wiped, nothing of a one-time key or a forged tag at any time', () => {
      const { openSsl, handed } = watched()
      const aead = make(openSsl)?.aead(KEY)
      expect(remains(KEY, handed)).toBe(true)
      const memory = Buffer.alloc(200)
      aead?.seal(0, 0, memory, 64, 20)
      expect(remains(ONE_TIME_KEY, handed)).toBe(false)
      const tag = Buffer.from(memory.subarray(84, 100))
      memory.fill(0, 84, 100)
      expect(aead?.open(0, 0, memory, 64, 36)).toBe(false)
      expect(remains(ONE_TIME_KEY, handed)).toBe(false)
      expect(remains(tag, handed)).toBe(false)
      aead?.wipe()
      expect(remains(KEY, handed)).toBe(false)
    })

    test('asks for the address of a memory once', () => {
      const { openSsl, handed } = watched()
      const aead = make(openSsl)?.aead(KEY)
      const memory = new Uint8Array(400)
      const before = handed.length
      for (let i = 0; i < 10; i++) aead?.seal(0, i, memory, 64 + i, 100)
      expect(handed.length).toBe(before + 1)
    })

    test('what has no room is refused before a byte is written', () => {
      const aead = make(real)?.aead(KEY)
      const memory = new Uint8Array(200)
      const seals = [
        [63, 10],
        [64, 121],
        [64, -1],
        [201, 0],
        [Number.NaN, 10],
        [64, Number.NaN],
      ] as const
      for (const [offset, length] of seals) {
        expect(() => aead?.seal(0, 0, memory, offset, length)).toThrow('no room to seal')
      }
      const opens = [
        [-1, 20],
        [0, 15],
        [0, -1],
        [0, 201],
        [185, 16],
        [Number.NaN, 20],
        [0, Number.NaN],
      ] as const
      for (const [offset, length] of opens) expect(aead?.open(0, 0, memory, offset, length)).toBe(false)
      expect(memory.every((byte) => byte === 0)).toBe(true)
    })

    test('memory that was given away is not touched any more', () => {
      const aead = make(real)?.aead(KEY)
      const memory = new Uint8Array(new ArrayBuffer(200))
      aead?.seal(0, 0, memory, 64, 20)
      const elsewhere = structuredClone(memory.buffer, { transfer: [memory.buffer] })
      const before = Buffer.from(elsewhere).toString('hex')
      expect(() => aead?.seal(0, 1, memory, 64, 20)).toThrow('no room to seal')
      expect(aead?.open(0, 0, memory, 64, 36)).toBe(false)
      expect(Buffer.from(elsewhere).toString('hex')).toBe(before)
    })

    test.each([0, 31, 33])('a key of %i bytes is refused', (length) => {
      expect(() => make(real)?.aead(new Uint8Array(length))).toThrow('32 bytes')
    })
  })

  test('X25519 leaves neither key nor secret behind', () => {
    const { openSsl, handed } = watched()
    const curve = openSslCurve(openSsl)
    const publicKey = curve?.publicKey(KEY) as Uint8Array
    const secret = curve?.sharedSecret(KEY, publicKey) as Uint8Array
    expect(curve?.sharedSecret(KEY, new Uint8Array(32))).toBeUndefined()
    expect([remains(KEY, handed), remains(secret, handed)]).toEqual([false, false])
    expect(handed.length).toBeGreaterThan(0)
  })

  test('EVP does not let pass what it could not encrypt', () => {
    for (const broken of [
      'EVP_CipherInit_ex',
      'EVP_CipherUpdate',
      'EVP_CipherFinal_ex',
      'EVP_CIPHER_CTX_ctrl',
    ] as const) {
      const evp = { ...(real as OpenSsl).evp, [broken]: () => 0 }
      const aead = evpAead({ ...(real as OpenSsl), evp: evp as NonNullable<OpenSsl['evp']> })?.aead(KEY)
      expect(() => aead?.seal(0, 0, new Uint8Array(200), 64, 20), broken).toThrow('OpenSSL failed to encrypt')
      expect(aead?.open(0, 0, new Uint8Array(200), 64, 36), broken).toBe(false)
    }
  })
})
