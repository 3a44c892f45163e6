import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'

test('gives out what is due, earliest first, equal ones in the order they came: as a sorted list does', () => {
  const add = fc.record({ at: fc.nat(20) })
  const take = fc.record({ now: fc.nat(20) })
  fc.assert(
    fc.property(fc.array(fc.oneof(add, take), { maxLength: 200 }), (steps) => {
      const deadlines = new Deadlines<number>()
      const list: { at: number; item: number }[] = []
      for (const [item, step] of steps.entries()) {
        if ('at' in step) {
          deadlines.add(step.at, item)
          list.push({ at: step.at, item })
          list.sort((a, b) => a.at - b.at || a.item - b.item)
        } else {
          const due = list[0] !== undefined && list[0].at <= step.now ? list.shift()?.item : undefined
          expect(deadlines.take(step.now)).toBe(due)
        }
        expect([deadlines.size, deadlines.next]).toEqual([list.length, list[0]?.at ?? Number.POSITIVE_INFINITY])
      }
    }),
    { numRuns: 500 },
  )
})

test('what is due at Infinity never is, and -Infinity is at once', () => {
  const deadlines = new Deadlines<string>()
  deadlines.add(Number.POSITIVE_INFINITY, 'never')
  expect(deadlines.take(Number.MAX_VALUE)).toBeUndefined()
  deadlines.add(Number.NEGATIVE_INFINITY, 'at once')
  expect(deadlines.take(0)).toBe('at once')
  expect(deadlines.size).toBe(1)
})
