import { expect, test } from 'vitest'
import { Handles } from './handles.ts'

test.each([1, 2, 3, 100, 2 ** 20, 2 ** 20 + 1])('of %i entries, each use has a handle of its own', (capacity) => {
  const handles = new Handles(capacity)
  for (const index of [0, capacity >> 1, capacity - 1]) {
    const seen = new Set<number>()
    for (let use = 0; use < 1000; use++) {
      const handle = handles.next(index)
      expect(handle).toBeGreaterThanOrEqual(0)
      expect(handles.indexOf(handle)).toBe(index)
      seen.add(handle)
    }
    expect(seen.size).toBe(1000)
  }
})

test('after as many uses as there is room for, it begins again', () => {
  const handles = new Handles(2 ** 20 + 1)
  const first = handles.next(5)
  for (let use = 1; use < 2 ** 10; use++) expect(handles.next(5)).not.toBe(first)
  expect(handles.next(5)).toBe(first)
})
