import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { blake2s } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveKeys, hash, hmacBlake2s, keyedMac } from './blake2s.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('BLAKE2s', () => {
  test('of "abc" (RFC 7693 appendix B), in one part or several', () => {
    const expected = '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982'
    expect(hex(hash(Buffer.from('abc')))).toBe(expected)
    expect(hex(hash(Buffer.from('a'), new Uint8Array(0), Buffer.from('bc')))).toBe(expected)
  })

  test('the self-test of RFC 7693 appendix E, plain and keyed', () => {
    const all = blake2s.create({ dkLen: 32 })
    for (const outputLength of [16, 20, 28, 32]) {
      const key = sequence(outputLength)
      for (const inputLength of [0, 3, 64, 65, 255, 1024]) {
        const input = sequence(inputLength)
        // Ours where the handshake uses that length; the library's otherwise, as it takes part in the sum.
        all.update(outputLength === 32 ? hash(input) : blake2s(input, { dkLen: outputLength }))
        all.update(outputLength === 16 ? keyedMac(key, input) : blake2s(input, { dkLen: outputLength, key }))
      }
    }
    expect(hex(all.digest())).toBe('6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe')
  })

  test('agrees with OpenSSL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
        expect(hex(hash(input))).toBe(createHash('blake2s256').update(input).digest('hex'))
      }),
    )
  })
})

test('HMAC-BLAKE2s agrees with OpenSSL, whatever the length of the key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 200 }), (key, input) => {
      expect(hex(hmacBlake2s(key, input))).toBe(createHmac('blake2s256', key).update(input).digest('hex'))
    }),
  )
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

/** The bytes that RFC 7693 appendix E hashes: a Fibonacci sequence from a seed, of which here always the length. */
function sequence(length: number): Uint8Array {
  let [a, b] = [Math.imul(0xdead4bad, length) >>> 0, 1]
  return Uint8Array.from({ length }, () => {
    const next = (a + b) >>> 0
    ;[a, b] = [b, next]
    return next >>> 24
  })
}
