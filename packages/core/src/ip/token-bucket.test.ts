import { expect, test } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

function taken(bucket: TokenBucket, now: number, tries: number): number {
  let count = 0
  for (let i = 0; i < tries; i++) if (bucket.take(now)) count++
  return count
}

test('gives a burst at once and the rate in the long run', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 })
  expect(taken(bucket, 0, 100)).toBe(5)
  expect(taken(bucket, 99, 100)).toBe(0)
  expect(taken(bucket, 100, 100)).toBe(1)
  expect(taken(bucket, 400, 100)).toBe(3)
})

test('never holds more than the burst, however long it rests', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 })
  taken(bucket, 0, 5)
  expect(taken(bucket, 1e9, 100)).toBe(5)
})

test('time that runs backwards gives nothing', () => {
  const bucket = new TokenBucket({ perSecond: 1000, burst: 1 })
  expect(taken(bucket, 5000, 2)).toBe(1)
  expect(taken(bucket, 0, 2)).toBe(0)
  expect(taken(bucket, 5000, 2)).toBe(0)
  expect(taken(bucket, 5001, 2)).toBe(1)
})

test('without a rate a burst is all there is', () => {
  const bucket = new TokenBucket({ perSecond: 0, burst: 2 })
  expect(taken(bucket, 5, 10)).toBe(2)
  expect(taken(bucket, 1e9, 10)).toBe(0)
  expect(taken(new TokenBucket({ perSecond: 0, burst: 0 }), 5, 10)).toBe(0)
})
