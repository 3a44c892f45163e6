import { expect, test } from 'vitest'
import { DnsCache } from './cache.ts'

test('holds what it is told to, and no more than its bound', () => {
  const cache = new DnsCache(2)
  cache.set('a', ['1'], 10, 0)
  cache.set('b', ['2'], 10, 0)
  expect(cache.get('a', 9_999)).toEqual(['1'])
  cache.set('c', ['3'], 10, 0)
  // `b` was used longest ago.
  expect(['a', 'b', 'c'].map((key) => cache.get(key, 1))).toEqual([['1'], undefined, ['3']])
  expect([cache.get('a', 10_000), cache.size]).toEqual([undefined, 1])
})

test('nothing is held for no time, and nothing for more than a day', () => {
  const cache = new DnsCache(2)
  cache.set('a', ['1'], 0, 0)
  cache.set('b', ['2'], 2 ** 31, 0)
  expect([cache.get('a', 0), cache.get('b', 86_399_999), cache.get('b', 86_400_000)]).toEqual([
    undefined,
    ['2'],
    undefined,
  ])
})
