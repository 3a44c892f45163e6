import { makeFallback } from '@millrace/core'
import { OPENSSL } from '@millrace/native'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { curves } from './crypto.ts'
import { nobleCrypto } from './noble.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

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

const all = [...curves(makeFallback(OPENSSL))]

describe.each(all)('X25519, $name', (curve) => {
  test.each(SCALAR_MULTIPLICATIONS)('$scalar times $point', ({ scalar, point, product }) => {
    expect(text(curve.sharedSecret(hex(scalar), hex(point)))).toBe(product)
  })

  test('public key and shared secret of RFC 7748 §6.1', () => {
    expect(text(curve.publicKey(hex(BOB_PRIVATE)))).toBe(BOB_PUBLIC)
    expect(text(curve.sharedSecret(hex(BOB_PRIVATE), hex(ALICE_PUBLIC)))).toBe(ALICE_AND_BOB)
  })

  test.each(LOW_ORDER_POINTS)('no secret with the point %s', (_name, point) => {
    expect(curve.sharedSecret(hex(BOB_PRIVATE), hex(point))).toBeUndefined()
    const withTopBit = hex(point)
    withTopBit[31] = (withTopBit[31] as number) | 0x80
    expect(curve.sharedSecret(hex(BOB_PRIVATE), withTopBit)).toBeUndefined()
  })

  test('a key or point of another length gives no secret and does not throw', () => {
    for (const length of [0, 31, 33]) {
      expect(curve.sharedSecret(hex(BOB_PRIVATE), new Uint8Array(length).fill(9))).toBeUndefined()
      expect(curve.sharedSecret(new Uint8Array(length).fill(9), hex(BOB_PUBLIC))).toBeUndefined()
      expect(() => curve.publicKey(new Uint8Array(length).fill(9))).toThrow()
    }
  })

  test('results are the caller’s own: the next does not change them', () => {
    const first = curve.sharedSecret(hex(BOB_PRIVATE), hex(ALICE_PUBLIC))
    const [key] = [curve.publicKey(hex(BOB_PRIVATE)), curve.sharedSecret(hex(ALICE_PUBLIC), hex(BOB_PUBLIC))]
    expect([text(first), text(key)]).toEqual([ALICE_AND_BOB, BOB_PUBLIC])
  })

  test('agrees with noble', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (privateKey, point) => {
        expect(text(curve.sharedSecret(privateKey, point))).toBe(text(nobleCrypto.sharedSecret(privateKey, point)))
        expect(text(curve.publicKey(privateKey))).toBe(text(nobleCrypto.publicKey(privateKey)))
      }),
      { numRuns: 50 },
    )
  })
})

test.each(all.filter((curve) => curve !== nobleCrypto))(
  'X25519, $name, iterated a thousand times (RFC 7748 §5.2)',
  (curve) => {
    let [scalar, point]: Uint8Array[] = [hex(`09${'00'.repeat(31)}`), hex(`09${'00'.repeat(31)}`)]
    const after: string[] = []
    for (let i = 1; i <= 1000; i++) {
      ;[scalar, point] = [curve.sharedSecret(scalar as Uint8Array, point as Uint8Array), scalar]
      if (i === 1 || i === 1000) after.push(text(scalar))
    }
    expect(after).toEqual([
      '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079',
      '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51',
    ])
  },
)

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
