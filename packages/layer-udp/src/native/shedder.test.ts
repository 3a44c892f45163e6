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

/** Of a flood: all that comes from elsewhere is let in, but for the moments in which its sources are sought again. */
function expectOthersIn(socket: FloodedSocket): void {
  socket.overload(1000, 150, 35)
  let overflow = 0
  const shares = Array.from({ length: 500 }, () => {
    socket.shedder.overloaded(KIND)
    overflow += socket.run(10, 150, 35).overflow
    return socket.shareOf(HONEST)
  })
  expect(shares.filter((share) => share < 1).length).toBeLessThanOrEqual(10)
  expect(overflow).toBe(0)
  socket.shedder.stop()
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
    const { served, overflow } = socket.overload(2000, come, capacity)
    expect(served).toBeGreaterThan(0.6 * capacity * 2000)
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
    expectOthersIn(socket)
    const shares = sources.map((source) => socket.shareOf(source))
    expect(shares.reduce((sum, share) => sum + share) / shares.length).toBeLessThan(0.3)
  })

  test('is all that comes from elsewhere also when a hundredth of the flood comes from everywhere', () => {
    const socket = floodedSocket([...within(0x0a00_0000, 8, 396), ...within(0, 0, 4)])
    expectOthersIn(socket)
  })

  test.each([
    ['everywhere', within(0, 0, 512)],
    ['elsewhere', within(0xc600_0000, 8)],
  ])('is soon all that comes from where a flood was before, which was %s', (_, sources) => {
    const socket = floodedSocket(sources)
    socket.overload(1000, 150, 35)
    expect(socket.shareOf(HONEST)).toBeLessThan(1)
    socket.sources = within(0x0a00_0000, 8)
    socket.overload(6000, 150, 35)
    expect(socket.shareOf(HONEST)).toBe(1)
    socket.shedder.stop()
  })

  test('is all that comes from elsewhere also after there was much that could be dealt with', () => {
    const socket = floodedSocket(within(0, 0, 512))
    socket.overload(2000, 30, 35)
    socket.sources = within(0x0a00_0000, 8)
    socket.overload(200, 150, 35)
    expect(socket.shareOf(HONEST)).toBe(1)
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
    socket.sources = within(0xac10_0000, 12)
    // Until it is seen a buffer fills, which takes 60 ms, and what comes between two decisions is lost.
    expect(socket.overload(1000, 150, 35).overflow).toBeLessThan(150 * 60)
    expect(socket.overload(6000, 150, 35).overflow).toBe(0)
    expect([socket.shareOf(before), socket.shareOf(HONEST)]).toEqual([1, 1])
    socket.shedder.stop()
  })

  test.each([20, 50, 100, 200, 300, 700])('is what can be dealt with of a flood that moves each %i ms', (period) => {
    const socket = floodedSocket()
    const places = [within(0x0a00_0000, 8), within(0xac10_0000, 12)]
    let overflow = 0
    for (let at = 0; at < 3500; at += period) {
      socket.sources = places[(at / period) & 1] as number[]
      socket.shedder.overloaded(KIND)
      const { overflow: some } = socket.run(period, 150, 35)
      if (at >= 1500) overflow += some
    }
    expect(overflow).toBe(0)
    expect(socket.shareOf(HONEST)).toBe(1)
    socket.shedder.stop()
  })

  test('comes in trains no more when it came so, until the flood has ended', () => {
    const socket = floodedSocket()
    socket.overload(1000, 150, 35)
    expect(socket.receivesTrains).toBe(true)
    socket.inTrains = true
    socket.overload(1000, 150, 35)
    expect(socket.receivesTrains).toBe(false)
    socket.run(500, 0, 35)
    expect(socket.receivesTrains).toBe(true)
    socket.shedder.stop()
  })

  test('is all again as soon as a flood has ended', () => {
    const socket = floodedSocket()
    socket.overload(1000, 150, 35)
    expect(socket.shareOf(1)).toBeLessThan(0.6)
    socket.run(500, 0, 35)
    expect(socket.shareOf(1)).toBe(1)
    socket.shedder.stop()
  })

  test('is all when it is others that have filled the buffer, once or all the time', () => {
    const socket = floodedSocket()
    for (const others of [0, 40]) {
      socket.others = others
      socket.fill(4500)
      socket.overload(1000, 0, 35)
      socket.overload(1000, 0.5, 35)
      socket.others = 0
      socket.overload(1000, 0.5, 35)
      expect([socket.shareOf(1), socket.changes]).toEqual([1, 0])
    }
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
    socket.fill(4500)
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
