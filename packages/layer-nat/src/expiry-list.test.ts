import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExpiryList } from './expiry-list.ts'

function takeDue(list: ExpiryList, now: number): number[] {
  const due: number[] = []
  for (let entry = list.due(now); entry >= 0; entry = list.due(now)) {
    due.push(entry)
    list.remove(entry)
  }
  return due
}

describe('ExpiryList', () => {
  test('an entry is due when its time is over, and not before', () => {
    const list = new ExpiryList(4, 100)
    list.add(1, 0)
    list.add(2, 50)
    expect(takeDue(list, 99)).toEqual([])
    list.use(1, 99)
    expect(takeDue(list, 150)).toEqual([2])
    expect(takeDue(list, 198)).toEqual([])
    expect(takeDue(list, 199)).toEqual([1])
  })

  test('does what a sorted list would do', () => {
    const step = fc.record({ entry: fc.nat(7), wait: fc.nat(40), remove: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const list = new ExpiryList(8, 50)
        // In the order of use.
        const model = new Map<number, number>()
        let now = 0
        for (const { entry, wait, remove } of steps) {
          now += wait
          const due = [...model].filter(([, used]) => used + 50 <= now).map(([number]) => number)
          expect(takeDue(list, now)).toEqual(due)
          for (const number of due) model.delete(number)
          const isKnown = model.delete(entry)
          if (!isKnown) list.add(entry, now)
          else if (remove) list.remove(entry)
          else list.use(entry, now)
          if (!isKnown || !remove) model.set(entry, now)
        }
      }),
    )
  })
})
