import { SeededRandom } from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { EndpointPorts } from './endpoint-ports.ts'

const ports = (rest = 1000): EndpointPorts =>
  new EndpointPorts(4000, 16, (port) => port === 4001, rest, new SeededRandom(3))

test('gives each port of the part that is asked for once, but for reserved ones', () => {
  const set = ports()
  expect([set.capacity, set.held]).toEqual([15, 0])
  const taken = Array.from({ length: 4 }, () => set.take(4000, 4, 0))
  expect(taken.toSorted()).toEqual([-1, 4000, 4002, 4003])
  expect(set.held).toBe(3)
})

test('lets a port that was given back rest, but gives the one that has longest when asked to', () => {
  const set = ports()
  for (const port of [4008, 4009, 4010, 4011]) expect(set.claim(port, 0)).toBe(true)
  expect(set.takeResting(4008, 4)).toBe(-1)
  set.release(4010, 100)
  set.release(4009, 200)
  expect(set.take(4008, 4, 1099)).toBe(-1)
  expect(set.takeResting(4008, 4)).toBe(4010)
  expect(set.take(4008, 4, 1199)).toBe(-1)
  expect(set.take(4008, 4, 1200)).toBe(4009)
})

test.each([
  [4001, 'reserved'],
  [3999, 'before the first'],
  [4016, 'behind the last'],
  [4002, 'held'],
  [4003, 'at rest'],
])('claims no port that is not to be had: %s, %s', (port) => {
  const set = ports()
  set.claim(4002, 0)
  set.claim(4003, 0)
  set.release(4003, 0)
  expect(set.claim(port, 999)).toBe(false)
  expect(set.held).toBe(1)
})
