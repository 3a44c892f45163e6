import { expect, test } from 'vitest'
import { destinationKey } from '../egress/destination-key.ts'
import { AllowedDestinations } from './allowed-destinations.ts'

const address = (last: number): Uint8Array => Uint8Array.of(192, 0, 2, last)

test('of four destinations in turn none is judged again, for a second', () => {
  const allowed = new AllowedDestinations()
  const ends = [
    [address(1), 53],
    [address(1), 443],
    [address(2), 53],
    [new Uint8Array(16).fill(1), 53],
  ] as const
  for (const [to, port] of ends) {
    expect(allowed.find(to, port, 0)).toBeUndefined()
    expect(allowed.allow(to, port, 0)).toBe(destinationKey(to, port))
  }
  for (const [to, port] of ends) expect(allowed.find(to, port, 999)).toBe(destinationKey(to, port))
  for (const [to, port] of ends) expect(allowed.find(to, port, 1000)).toBeUndefined()
  for (const [to, port] of ends) expect(allowed.allow(to, port, 1000)).toBe(destinationKey(to, port))
  for (const [to, port] of ends) expect(allowed.find(to, port, 1999)).toBe(destinationKey(to, port))
})

test('a fifth takes the place of the one that was allowed longest ago', () => {
  const allowed = new AllowedDestinations()
  for (let i = 1; i <= 4; i++) allowed.allow(address(i), 53, i)
  allowed.allow(address(1), 53, 5)
  allowed.allow(address(5), 53, 6)
  expect([1, 2, 3, 4, 5].filter((i) => allowed.find(address(i), 53, 7) !== undefined)).toEqual([1, 3, 4, 5])
})

test('what it was given may change', () => {
  const allowed = new AllowedDestinations()
  const to = address(1)
  allowed.allow(to, 53, 0)
  to[3] = 2
  expect(allowed.find(to, 53, 0)).toBeUndefined()
  expect(allowed.find(address(1), 53, 0)).toBeDefined()
})
