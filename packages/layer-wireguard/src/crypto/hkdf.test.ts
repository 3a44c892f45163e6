import { createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveKeys, hmacBlake2s } from './hkdf.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('HMAC-BLAKE2s agrees with OpenSSL, whatever the length of the key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 200 }), (key, input) => {
      expect(hex(hmacBlake2s(key, input))).toBe(createHmac('blake2s256', key).update(input).digest('hex'))
    }),
  )
})

test('HMAC-BLAKE2s of nothing, whose inner hash ends with the block of the key', () => {
  const expected = createHmac('blake2s256', 'key').update('').digest('hex')
  expect(hex(hmacBlake2s(Buffer.from('key'), new Uint8Array(0)))).toBe(expected)
})

describe('HKDF', () => {
  // golang.zx2c4.com/wireguard, device/kdf_test.go.
  test.each([
    {
      key: 'test-key',
      input: 'test-input',
      outputs: [
        '6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633',
        'df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a',
        'fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24',
      ],
    },
    {
      key: 'wireguard',
      input: 'wireguard',
      outputs: [
        '491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8',
        '1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f',
        '31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160',
      ],
    },
    {
      key: '',
      input: '',
      outputs: [
        '8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0',
        '58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e',
        '0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e',
      ],
    },
  ])('of "$key" and "$input"', ({ key, input, outputs }) => {
    for (const count of [1, 2, 3] as const) {
      const keys = deriveKeys(count, Buffer.from(key), Buffer.from(input))
      expect(keys.map(hex)).toEqual(outputs.slice(0, count))
    }
  })

  test('is RFC 5869 with the chaining key as salt and no info, by OpenSSL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 64 }), (salt, input) => {
        const expected = Buffer.from(hkdfSync('blake2s256', input, salt, '', 96)).toString('hex')
        expect(deriveKeys(3, salt, input).map(hex).join('')).toBe(expected)
      }),
    )
  })
})
