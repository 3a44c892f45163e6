import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distance, isAfter, isBefore, laterOf } from './sequence.ts'

const TWO_32 = 2n ** 32n

/** RFC 9293 §3.4 with numbers that do not wrap: where `b` lies as seen from `a`, from -2^31 to 2^31 - 1. */
function slowDistance(a: number, b: number): number {
  const forward = (((BigInt(b) - BigInt(a)) % TWO_32) + TWO_32) % TWO_32
  return Number(forward >= TWO_32 / 2n ? forward - TWO_32 : forward)
}

describe('sequence arithmetic', () => {
  const number = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.constantFrom(0, -1, 1, 2 ** 31 - 1, -(2 ** 31)),
  )

  test('is that of numbers that do not wrap, for any that are less than 2^31 apart', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        const slow = slowDistance(a, b)
        expect(distance(a, b)).toBe(slow)
        if (slow === -(2 ** 31)) return
        expect([isBefore(a, b), isAfter(a, b)]).toEqual([slow > 0, slow < 0])
        expect(laterOf(a, b)).toBe(slow > 0 ? b : a)
      }),
      { numRuns: 2000 },
    )
  })
})
