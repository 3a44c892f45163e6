import { SocketAddress } from '@millrace/core'
import { expect, test } from 'vitest'
import { RateLimiter } from './rate-limiter.ts'

const from = (address: string, port = 1): SocketAddress =>
  new SocketAddress(address.includes(':') ? 6 : 4, address, port)
const allowed = (limiter: RateLimiter, address: string, times: number, now: number): number =>
  Array.from({ length: times }, (_, i) => limiter.allow(from(address, i + 1), now)).filter(Boolean).length

test('a source gets five at once and then twenty a second, whatever its ports', () => {
  const limiter = new RateLimiter()
  expect(allowed(limiter, '192.0.2.1', 10, 1000)).toBe(5)
  expect(allowed(limiter, '192.0.2.1', 10, 1049)).toBe(0)
  expect(allowed(limiter, '192.0.2.1', 10, 1050)).toBe(1)
  let perSecond = 0
  for (let now = 2000; now < 3000; now += 10) perSecond += allowed(limiter, '192.0.2.1', 1, now)
  // Full at the beginning (5), then one each 50 ms.
  expect(perSecond).toBe(5 + 19)
})

test('an IPv6 /64 is one source, whatever its text form; another /64 and IPv4 addresses are others', () => {
  const limiter = new RateLimiter()
  expect(allowed(limiter, '2001:db8::1', 3, 0)).toBe(3)
  expect(allowed(limiter, '2001:db8:0:0:ffff::2', 3, 0)).toBe(2)
  expect(allowed(limiter, '2001:db8:0:1::1', 3, 0)).toBe(3)
  expect(allowed(limiter, 'fe80::1%eth0', 1, 0)).toBe(1)
  expect(allowed(limiter, '192.0.2.1', 3, 0)).toBe(3)
  expect(allowed(limiter, '192.0.2.2', 3, 0)).toBe(3)
})

test('the table is bounded, refuses new sources when full, and forgets those not heard of for a second', () => {
  const limiter = new RateLimiter()
  const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  let taken = 0
  for (let i = 0; i < 20_000; i++) if (limiter.allow(from(address(i)), i / 100)) taken++
  expect(taken).toBe(8192)
  expect(limiter.size).toBe(8192)
  expect(limiter.allow(from('198.51.100.1'), 1200)).toBe(true)
  expect(limiter.size).toBeLessThan(8192)
})
