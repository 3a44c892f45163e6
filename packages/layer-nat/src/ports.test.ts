import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { PortSet } from './ports.ts'

function takeAll(ports: PortSet, now: number): number[] {
  const taken: number[] = []
  for (let port = ports.take(now); port >= 0; port = ports.take(now)) taken.push(port)
  return taken
}
const numbers = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe('PortSet', () => {
  test.each([
    { first: 1024, last: 65_535 },
    { first: 1, last: 31 },
    { first: 65_535, last: 65_535 },
    { first: 4000, last: 4003 },
    { first: 31, last: 64 },
  ])('gives each port from $first to $last once', ({ first, last }) => {
    const ports = new PortSet({ first, last, reserved: [] }, 0, new SeededRandom(3))
    expect(takeAll(ports, 0).sort((a, b) => a - b)).toEqual(numbers(first, last))
    expect(ports.held).toBe(last - first + 1)
  })

  test('never gives a reserved one', () => {
    const ports = new PortSet(
      { first: 1024, last: 1040, reserved: [53, 1024, 1030, 1040, 51_820] },
      0,
      new SeededRandom(3),
    )
    expect(takeAll(ports, 0).sort()).toEqual(numbers(1025, 1039).filter((port) => port !== 1030))
  })

  test('is hard to foretell: neighbours in time are not neighbours in number', () => {
    const ports = new PortSet({ first: 1024, last: 65_535, reserved: [] }, 0, new SeededRandom(3))
    const taken = Array.from({ length: 1000 }, () => ports.take(0))
    const near = taken.filter((port, i) => i > 0 && Math.abs(port - taken[i - 1]!) < 64).length
    // By chance 1000 * 128 / 64512, about 2.
    expect(near).toBeLessThan(12)
  })

  test('lets a port that was given back rest, unless there is no other', () => {
    const ports = new PortSet({ first: 4000, last: 4003, reserved: [] }, 1000, new SeededRandom(3))
    const first = ports.take(0)
    ports.release(first, 0)
    const others = [ports.take(10), ports.take(10), ports.take(10)]
    expect(others).not.toContain(first)
    expect(ports.take(10)).toBe(first)
    ports.release(others[1]!, 20)
    ports.release(others[0]!, 30)
    expect(ports.take(40)).toBe(others[1])
    expect(ports.take(1031)).toBe(others[0])
    expect(ports.take(1031)).toBe(-1)
    expect(ports.held).toBe(4)
  })

  test('a port that has rested may be given again', () => {
    const ports = new PortSet({ first: 4000, last: 4001, reserved: [] }, 1000, new SeededRandom(3))
    const port = ports.take(0)
    ports.release(port, 0)
    expect(takeAll(ports, 1000).sort()).toEqual([4000, 4001])
  })

  test('a port that rests may be claimed by nobody, one that has rested by anybody', () => {
    const ports = new PortSet({ first: 4000, last: 4009, reserved: [4005] }, 1000, new SeededRandom(3))
    expect([ports.claim(4001, 0), ports.claim(4001, 0), ports.claim(4005, 0), ports.claim(4010, 0)]).toEqual([
      true,
      false,
      false,
      false,
    ])
    ports.release(4001, 500)
    expect(ports.claim(4001, 1499)).toBe(false)
    expect([ports.claim(4001, 1500), ports.held]).toEqual([true, 1])
    expect(ports.claim(4001, 9999)).toBe(false)
  })
})
