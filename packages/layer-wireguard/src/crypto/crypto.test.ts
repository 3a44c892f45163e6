import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CryptoProvider, chooseCrypto } from './crypto.ts'
import { nobleCrypto } from './noble.ts'
import { nodeCrypto } from './node.ts'
import { selfTest } from './self-test.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

// RFC 7748 §5.2.
const SCALAR_MULTIPLICATIONS = [
  {
    scalar: 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    point: 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    product: 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  },
  {
    scalar: '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    point: 'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    product: '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  },
]

// RFC 7748 §6.1.
const BOB_PRIVATE = '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'
const BOB_PUBLIC = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'
const ALICE_PUBLIC = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'
const ALICE_AND_BOB = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'

// The points of order 1, 2, 4 and 8 and their other encodings below 2^255: https://cr.yp.to/ecdh.html#validate
const LOW_ORDER_POINTS = [
  ['0', '00'.repeat(32)],
  ['1', `01${'00'.repeat(31)}`],
  ['of order 8', 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'],
  ['of order 8, the other', '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'],
  ['p - 1', `ec${'ff'.repeat(30)}7f`],
  ['p', `ed${'ff'.repeat(30)}7f`],
  ['p + 1', `ee${'ff'.repeat(30)}7f`],
] as const

describe.each([nobleCrypto, nodeCrypto])('$name', (crypto: CryptoProvider) => {
  test.each(SCALAR_MULTIPLICATIONS)('X25519: $scalar times $point', ({ scalar, point, product }) => {
    expect(Buffer.from(crypto.sharedSecret(hex(scalar), hex(point)) ?? []).toString('hex')).toBe(product)
  })

  test('X25519: public key and shared secret of RFC 7748 §6.1', () => {
    expect(Buffer.from(crypto.publicKey(hex(BOB_PRIVATE))).toString('hex')).toBe(BOB_PUBLIC)
    const secret = crypto.sharedSecret(hex(BOB_PRIVATE), hex(ALICE_PUBLIC))
    expect(Buffer.from(secret ?? []).toString('hex')).toBe(ALICE_AND_BOB)
  })

  test.each(LOW_ORDER_POINTS)('X25519: no secret with the point %s', (_name, point) => {
    expect(crypto.sharedSecret(hex(BOB_PRIVATE), hex(point))).toBeUndefined()
    const withTopBit = hex(point)
    withTopBit[31] = (withTopBit[31] as number) | 0x80
    expect(crypto.sharedSecret(hex(BOB_PRIVATE), withTopBit)).toBeUndefined()
  })

  test('a key or point that is too short gives no secret and does not throw', () => {
    for (const length of [0, 31]) {
      expect(crypto.sharedSecret(hex(BOB_PRIVATE), new Uint8Array(length).fill(9))).toBeUndefined()
      expect(crypto.sharedSecret(new Uint8Array(length).fill(9), hex(BOB_PUBLIC))).toBeUndefined()
    }
  })

  test('AEAD: the first 64 bytes of ciphertext are block 1 of the keystream (RFC 8439 A.1, test vector 2)', () => {
    const bytes = new Uint8Array(80)
    crypto.aead(new Uint8Array(32)).seal(0, 0, bytes, 0, 64)
    expect(Buffer.from(bytes.subarray(0, 64)).toString('hex')).toBe(
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed' +
        '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    )
  })

  test('AEAD: seals in place as OpenSSL does on its own, and opens again, whatever counter, length and offset', () => {
    fc.assert(
      fc.property(sealing, ({ key, high, low, plaintext, offset }) => {
        const memory = Buffer.alloc(offset + plaintext.length + 16 + 3, 0xee)
        memory.set(plaintext, offset)
        const aead = crypto.aead(key)
        aead.seal(high, low, memory, offset, plaintext.length)
        const sealed = sealedByOpenssl(key, high, low, plaintext)
        const [before, behind] = [Buffer.alloc(offset, 0xee), Buffer.alloc(3, 0xee)]
        expect(memory.equals(Buffer.concat([before, sealed, behind]))).toBe(true)
        expect(aead.open(high, low, memory, offset, sealed.length)).toBe(true)
        expect(memory.subarray(offset, offset + plaintext.length).equals(plaintext)).toBe(true)
        expect(memory.subarray(0, offset).equals(before)).toBe(true)
        expect(memory.subarray(offset + sealed.length).equals(behind)).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  test('AEAD: does not open with one bit flipped, under another counter or key, or cut short', () => {
    fc.assert(
      fc.property(sealing, fc.nat(), ({ key, high, low, plaintext }, anyBit) => {
        const sealed = sealedByOpenssl(key, high, low, plaintext)
        const opens = (bytes: Uint8Array, withKey = key, h = high, l = low): boolean =>
          crypto.aead(withKey).open(h, l, Buffer.from(bytes), 0, bytes.length)
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

  test('AEAD: nothing shorter than a tag opens', () => {
    const aead = crypto.aead(new Uint8Array(32))
    for (let length = 0; length < 16; length++) expect(aead.open(0, 0, new Uint8Array(40), 8, length)).toBe(false)
  })

  test('AEAD: keeps its own copy of the key, and wipes it', () => {
    const key = new Uint8Array(32).fill(7)
    const aead = crypto.aead(key)
    const expected = sealedByOpenssl(Buffer.alloc(32, 7), 0, 5, Buffer.alloc(4))
    key.fill(0)
    const bytes = Buffer.alloc(20)
    aead.seal(0, 5, bytes, 0, 4)
    expect(bytes.equals(expected)).toBe(true)
    aead.wipe()
    expect(aead.open(0, 5, bytes, 0, 20)).toBe(false)
  })

  test('passes the self-test', () => expect(selfTest(crypto)).toBe(true))
})

test('X25519, iterated a thousand times (RFC 7748 §5.2)', () => {
  let [scalar, point]: Uint8Array[] = [hex(`09${'00'.repeat(31)}`), hex(`09${'00'.repeat(31)}`)]
  const after: string[] = []
  for (let i = 1; i <= 1000; i++) {
    ;[scalar, point] = [nodeCrypto.sharedSecret(scalar as Uint8Array, point as Uint8Array), scalar]
    if (i === 1 || i === 1000) after.push(Buffer.from(scalar as Uint8Array).toString('hex'))
  }
  expect(after).toEqual([
    '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079',
    '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51',
  ])
})

test('X25519: both providers agree', () => {
  fc.assert(
    fc.property(bytes(32, 32), bytes(32, 32), (privateKey, point) => {
      const [ours, theirs] = [nobleCrypto, nodeCrypto].map((crypto) => crypto.sharedSecret(privateKey, point))
      expect(Buffer.from(ours ?? []).toString('hex')).toBe(Buffer.from(theirs ?? []).toString('hex'))
    }),
    { numRuns: 50 },
  )
})

describe('the choice of a provider', () => {
  const broken: readonly [string, Partial<CryptoProvider>][] = [
    [
      'throws',
      {
        sharedSecret: () => {
          throw new Error('no such algorithm')
        },
      },
    ],
    ['gets X25519 wrong', { sharedSecret: () => new Uint8Array(32).fill(1) }],
    ['takes a point of low order', { sharedSecret: (k, p) => nodeCrypto.sharedSecret(k, p) ?? new Uint8Array(32) }],
    ['seals wrongly', { aead: () => nodeCrypto.aead(new Uint8Array(32)) }],
    ['opens anything', { aead: (key) => Object.assign(nodeCrypto.aead(key), { open: () => true }) }],
  ]
  test.each(broken)('the self-test finds out one that %s', (_what, difference) => {
    expect(selfTest({ ...nodeCrypto, ...difference })).toBe(false)
  })

  test('is the native one here', () => expect(chooseCrypto()).toBe(nodeCrypto))
})

const word = fc.integer({ min: 0, max: 0xffff_ffff })
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength, size: 'max' }).map((array) => Buffer.from(array))
const sealing = fc.record({
  key: bytes(32, 32),
  high: word,
  low: word,
  plaintext: bytes(0, 2000),
  offset: fc.integer({ min: 0, max: 17 }),
})

/** What `seal` should give, by the public API and with the nonce written out (paper §5.4.6). */
function sealedByOpenssl(key: Uint8Array, high: number, low: number, plaintext: Uint8Array): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64LE((BigInt(high) << 32n) | BigInt(low), 4)
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function flipped(input: Uint8Array, bit: number): Uint8Array {
  const copy = input.slice()
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
