import { SeededRandom } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { FreeBlocks } from './free-blocks.ts'

test('draws each member once, and none that was removed', () => {
  const free = new FreeBlocks(10, new SeededRandom(5))
  for (const block of [0, 1, 2, 3, 7, 9]) free.add(block)
  expect([free.remove(9), free.remove(9), free.remove(4), free.remove(0)]).toEqual([true, false, false, true])
  expect(free.length).toBe(4)
  const drawn = [free.draw(), free.draw(), free.draw(), free.draw()]
  expect(drawn.toSorted()).toEqual([1, 2, 3, 7])
  expect([free.draw(), free.length]).toEqual([-1, 0])
  free.add(7)
  expect(free.draw()).toBe(7)
})

test('draws all members equally often', () => {
  const free = new FreeBlocks(4, new SeededRandom(5))
  for (const block of [0, 1, 2, 3]) free.add(block)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 4000; i++) {
    const block = free.draw()
    counts[block]!++
    free.add(block)
  }
  // 1,000 each, within five standard deviations.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(137)
})
