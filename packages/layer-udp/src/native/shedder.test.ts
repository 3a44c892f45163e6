import { SeededRandom, VirtualClock } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { FloodedSocket } from '../test-support/flooded-socket.ts'

const KIND = [1, 2]
const HONEST = 0xc633_6402

let clock: VirtualClock
function floodedSocket(sources: readonly number[] = [1]): FloodedSocket {
  clock = new VirtualClock()
  const socket = new FloodedSocket(clock)
  socket.sources = sources
  return socket
}

/** Sources within a prefix. */
function within(prefix: number, length: number, count = 64): number[] {
  const random = new SeededRandom(prefix)
  return Array.from({ length: count }, () => (prefix | (random.uint32() >>> length)) >>> 0)
}

describe('what is let in', () => {
  test.each([
    [40, 35],
    [150, 35],
    [1000, 35],
    [150, 5],
    [5000, 10],
  ])('of %i a millisecond is what can be dealt with, %i, and the buffer has room for others', (come, capacity) => {
    const socket = floodedSocket(within(0x0a00_0000, 8))
    socket.overload(1000, come, capacity)
    const { served, overflow } = socket.overload(5000, come, capacity)
    expect(served).toBeGreaterThan(0.6 * capacity * 5000)
    expect(overflow).toBe(0)
    clock.advance(10_000)
    expect(socket.shareOf(1)).toBe(1)
    socket.shedder.stop()
  })

  test.each([
    ['one address', [0x0a01_0203]],
    ['a network', within(0x0a01_0200, 24)],
    ['a few networks', [...within(0x0a00_0000, 16), ...within(0xac10_0000, 12), ...within(0xc0a8_0000, 24, 8)]],
    ['half of the Internet', within(0, 1)],
  ])('is all that comes from elsewhere, when a flood comes from %s', (_, sources) => {
    const socket = floodedSocket(sources)
    socket.overload(1000, 150, 35)
    for (let i = 0; i < 50; i++) {
      const { overflow } = socket.overload(100, 150, 35)
      expect([socket.shareOf(HONEST), overflow]).toEqual([1, 0])
    }
    for (const source of sources) expect(socket.shareOf(source)).toBeLessThan(0.6)
    socket.shedder.stop()
  })

  test('is the same part of all, when a flood comes from everywhere', () => {
    const socket = floodedSocket(within(0, 0, 512))
    socket.overload(1000, 150, 35)
    expect(socket.shareOf(HONEST)).toBe(socket.shareOf(socket.sources[0] as number))
    expect(socket.shareOf(HONEST)).toBeLessThan(0.6)
    socket.shedder.stop()
  })

  test('is what can be dealt with also when a flood moves, and soon all that comes from where it was', () => {
    const socket = floodedSocket(within(0x0a00_0000, 8))
    socket.overload(2000, 150, 35)
    const before = socket.sources[0] as number
    expect(socket.shareOf(before)).toBeLessThan(1)
    socket.sources = within(0xac10_0000, 12)
    const moving = socket.overload(1000, 150, 35)
    // A buffer's worth, and what comes in between two decisions.
    expect(moving.overflow).toBeLessThan(30_000)
    expect(socket.overload(1000, 150, 35).overflow).toBe(0)
    expect([socket.shareOf(before), socket.shareOf(HONEST)]).toEqual([1, 1])
    socket.shedder.stop()
  })

  test('is all when nobody says that it is too much, and when the buffer has room', () => {
    const socket = floodedSocket()
    socket.run(100, 50, 10)
    socket.run(500, 0, 10)
    socket.shedder.overloaded(KIND)
    socket.run(1000, 50, 50)
    expect(socket.changes).toBe(0)
    socket.shedder.stop()
  })

  test('is at least 1,000 a second, as it may be others who fill the buffer', () => {
    const socket = floodedSocket()
    socket.shedder.overloaded(KIND)
    socket.waiting = 4500
    socket.run(1000, 1, 1)
    expect(socket.changes).toBe(0)
    socket.shedder.stop()
  })

  test('is what the kernel has not lost, and that is told, also where its counter begins again', () => {
    const socket = floodedSocket()
    const before = socket.lost
    socket.shedder.overloaded(KIND)
    socket.run(200, 150, 35)
    expect(socket.lost).toBeLessThan(before)
    socket.shedder.stop()
    expect(socket.told).toBe(socket.lost + 2 ** 32)
    const { told } = socket
    socket.lost++
    socket.shedder.stop()
    expect(socket.told).toBe(told)
  })

  test('is not changed after a stop', () => {
    const socket = floodedSocket()
    socket.shedder.overloaded(KIND)
    socket.shedder.stop()
    socket.shedder.overloaded(KIND)
    socket.run(500, 150, 10)
    expect(socket.changes).toBe(0)
  })
})
