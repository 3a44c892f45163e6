import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExpiryLists } from './expiry-lists.ts'

function takeDue(lists: ExpiryLists, now: number): number[] {
  const due: number[] = []
  for (let entry = lists.due(now); entry >= 0; entry = lists.due(now)) {
    due.push(entry)
    lists.remove(entry)
  }
  return due
}

describe('ExpiryLists', () => {
  test('an entry is due when its time is over, and not before', () => {
    const lists = new ExpiryLists(4, [100, 1000])
    lists.add(0, 1, 0)
    lists.add(1, 0, 0)
    lists.add(2, 0, 50)
    expect(takeDue(lists, 99)).toEqual([])
    lists.use(1, 0, 99)
    expect(takeDue(lists, 150)).toEqual([2])
    lists.use(1, 1, 160)
    expect(takeDue(lists, 1159)).toEqual([0])
    expect(takeDue(lists, 1160)).toEqual([1])
  })

  test('does what a sorted list would do', () => {
    const step = fc.record({ entry: fc.nat(7), list: fc.nat(2), wait: fc.nat(40), remove: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const timeouts = [10, 50, 200]
        const lists = new ExpiryLists(8, timeouts)
        const model = new Map<number, { list: number; due: number }>()
        let now = 0
        for (const { entry, list, wait, remove } of steps) {
          now += wait
          const due = [...model].filter(([, known]) => known.due <= now).map(([number]) => number)
          for (const number of due) expect(lists.isDue(number, now)).toBe(true)
          expect(takeDue(lists, now).sort()).toEqual(due.sort())
          for (const number of due) model.delete(number)
          if (!model.has(entry)) lists.add(entry, list, now)
          else if (remove) lists.remove(entry)
          else lists.use(entry, list, now)
          if (model.has(entry) && remove) model.delete(entry)
          else model.set(entry, { list, due: now + timeouts[list]! })
          for (const number of [0, 1, 2]) {
            expect(lists.count(number)).toBe([...model.values()].filter((known) => known.list === number).length)
          }
        }
      }),
    )
  })
})
