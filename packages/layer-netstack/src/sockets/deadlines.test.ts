import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'

/** All that have waited long enough. */
function takeAll(deadlines: Deadlines<string>, now: number): string[] {
  const taken: string[] = []
  for (let flow = deadlines.take(now); flow !== undefined; flow = deadlines.take(now)) taken.push(flow)
  return taken
}

test('each waits for its time, and no longer', () => {
  const deadlines = new Deadlines<string>(100)
  expect([deadlines.next, deadlines.take(1e9)]).toEqual([Number.POSITIVE_INFINITY, undefined])
  deadlines.add('a', 0)
  deadlines.add('b', 10)
  deadlines.add('c', 50)
  expect([deadlines.next, deadlines.take(99)]).toEqual([100, undefined])
  expect([takeAll(deadlines, 110), deadlines.next]).toEqual([['a', 'b'], 150])
  expect([takeAll(deadlines, 150), deadlines.next]).toEqual([['c'], Number.POSITIVE_INFINITY])
})

test('one that is added again waits from then on', () => {
  const deadlines = new Deadlines<string>(100)
  deadlines.add('a', 0)
  deadlines.add('b', 10)
  deadlines.add('a', 20)
  expect([deadlines.next, takeAll(deadlines, 120)]).toEqual([110, ['b', 'a']])
})

test('one that is taken out waits no more', () => {
  const deadlines = new Deadlines<string>(100)
  deadlines.add('a', 0)
  deadlines.add('b', 10)
  deadlines.delete('a')
  expect([deadlines.next, takeAll(deadlines, 1000)]).toEqual([110, ['b']])
})
