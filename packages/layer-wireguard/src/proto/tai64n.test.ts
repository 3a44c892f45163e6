import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLater, tai64n } from './tai64n.ts'

const hex = (label: Uint8Array): string => Buffer.from(label).toString('hex')

describe('TAI64N', () => {
  // https://cr.yp.to/libtai/tai64.html: 2^62 is the beginning of 1970 TAI; Unix time began ten seconds later.
  test.each([
    ['the Unix epoch', 0, '400000000000000a00000000'],
    ['a second later', 1000, '400000000000000b00000000'],
    ['a millisecond before a second', 999, '400000000000000a3b000000'],
    ['2038', 2 ** 31 * 1000, '400000008000000a00000000'],
    ['2106, past 32 bits', 2 ** 32 * 1000, '400000010000000a00000000'],
  ])('of %s', (_when, milliseconds, label) => expect(hex(tai64n(milliseconds))).toBe(label))

  test('shows no more than steps of 2^24 nanoseconds', () => {
    const labels = new Set(Array.from({ length: 10_000 }, (_, i) => hex(tai64n(i / 10))))
    expect(labels.size).toBe(Math.ceil(1e9 / 2 ** 24))
    for (const label of labels) expect(label).toMatch(/000000$/)
  })

  test('a later time never has an earlier label', () => {
    const time = fc.double({ min: 0, max: 2 ** 42, noNaN: true })
    fc.assert(
      fc.property(time, fc.double({ min: 0, max: 1e6, noNaN: true }), (when, after) => {
        expect(isLater(tai64n(when), tai64n(when + after))).toBe(false)
        expect(isLater(tai64n(when + after + 17), tai64n(when))).toBe(true)
      }),
    )
  })

  test('is not later than itself', () => expect(isLater(tai64n(5), tai64n(5))).toBe(false))
})
