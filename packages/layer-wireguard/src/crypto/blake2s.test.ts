import { createHash } from 'node:crypto'
import { blake2s } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hash, keyedMac } from './blake2s.ts'
import { compress, INITIAL } from './blake2s-rounds.ts'

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

  test('agrees with OpenSSL and noble, however the input comes in parts', () => {
    fc.assert(
      fc.property(inputs, (parts) => {
        const input = Buffer.concat(parts)
        expect(hex(hash(...parts))).toBe(createHash('blake2s256').update(input).digest('hex'))
        expect(hex(hash(...parts))).toBe(hex(blake2s(input)))
      }),
    )
  })

  test('keyed, agrees with noble, whatever the length of the key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 32 }), inputs, (key, parts) => {
        expect(hex(keyedMac(key, ...parts))).toBe(hex(blake2s(Buffer.concat(parts), { dkLen: 16, key })))
      }),
    )
  })

  test.each([0, 1, 63, 64, 65, 127, 128, 129, 192])('of %i bytes, which is around a block', (length) => {
    const input = Buffer.alloc(length, 0xa5)
    expect(hex(hash(input))).toBe(hex(blake2s(input)))
    const key = Buffer.alloc(32, 0x5a)
    expect(hex(keyedMac(key, input))).toBe(hex(blake2s(input, { dkLen: 16, key })))
  })

  test('a key of more than 32 bytes is refused', () => {
    expect(() => keyedMac(new Uint8Array(33), new Uint8Array(1))).toThrow('at most 32 bytes')
  })

  test('compresses in memory anywhere, leaves the block as it is, and counts', () => {
    const memory = Buffer.alloc(200, 0x5a)
    const view = new DataView(memory.buffer, memory.byteOffset + 7, 64)
    const [one, another] = [INITIAL.slice(), INITIAL.slice()]
    compress(one, view, 64, false)
    compress(another, view, 64, true)
    expect(one).not.toEqual(another)
    expect(memory).toEqual(Buffer.alloc(200, 0x5a))
    const third = INITIAL.slice()
    compress(third, view, 128, false)
    expect(third).not.toEqual(one)
  })
})

const inputs = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 4 })

/** The bytes that RFC 7693 appendix E hashes: a Fibonacci sequence from a seed, of which here always the length. */
function sequence(length: number): Uint8Array {
  let [a, b] = [Math.imul(0xdead4bad, length) >>> 0, 1]
  return Uint8Array.from({ length }, () => {
    const next = (a + b) >>> 0
    ;[a, b] = [b, next]
    return next >>> 24
  })
}
