import { describe, expect, test } from 'vitest'
import { MachineClock } from './machine-clock.ts'
import { VirtualClock } from './virtual-clock.ts'

function machine(wallStart = 1_000_000) {
  const world = new VirtualClock(wallStart)
  const clock = new MachineClock(world)
  const ran: [string, number][] = []
  const set = (name: string, delay: number) => clock.setTimer(delay, () => void ran.push([name, clock.now()]))
  return { world, clock, ran, set }
}

describe("a machine's clock", () => {
  test("is the world's as long as nothing happens to it", () => {
    const { world, clock, ran, set } = machine()
    set('late', 30)
    set('early', 10)
    const cancelled = set('cancelled', 20)
    set('negative', -5)
    world.advance(15)
    cancelled.cancel()
    world.advance(15)
    expect(ran).toEqual([
      ['negative', 0],
      ['early', 10],
      ['late', 30],
    ])
    expect([clock.now(), clock.wall(), clock.isRunning]).toEqual([30, 1_000_030, true])
  })

  test('begins at 0, whenever that is in the world; the calendar is the same', () => {
    const { world } = machine()
    world.advance(1000)
    const clock = new MachineClock(world)
    expect([clock.now(), clock.wall()]).toEqual([0, 1_001_000])
    world.advance(1)
    expect([clock.now(), clock.wall()]).toEqual([1, 1_001_001])
  })

  test("a step of the wall clock moves neither `now` nor timers, nor another machine's", () => {
    const { world, clock, ran, set } = machine()
    const other = new MachineClock(world)
    set('due', 20)
    world.advance(10)
    clock.stepWall(-500_000)
    expect([clock.now(), clock.wall(), other.wall()]).toEqual([10, 500_010, 1_000_010])
    clock.stepWall(600_000)
    world.advance(10)
    expect([clock.now(), clock.wall(), other.wall()]).toEqual([20, 1_100_020, 1_000_020])
    expect(ran).toEqual([['due', 20]])
  })

  test('suspended: time stands still but for the calendar, and timers have as much left as before', () => {
    const { world, clock, ran, set } = machine()
    set('due', 20)
    world.advance(15)
    clock.suspend()
    world.advance(1000)
    expect([clock.now(), clock.wall(), clock.isRunning, ran]).toEqual([15, 1_001_015, false, []])
    clock.resume()
    world.advance(4)
    expect(ran).toEqual([])
    world.advance(1)
    expect(ran).toEqual([['due', 20]])
    expect([clock.now(), clock.isRunning]).toEqual([20, true])
  })

  test('stopped: time goes on, and what became due meanwhile runs late, in its order', () => {
    const { world, clock, ran, set } = machine()
    set('second', 30)
    set('first', 20)
    set('later', 2000)
    world.advance(15)
    clock.stop()
    world.advance(1000)
    expect([clock.now(), ran]).toEqual([1015, []])
    clock.resume()
    expect(ran).toEqual([
      ['first', 1015],
      ['second', 1015],
    ])
    world.advance(985)
    expect(ran.at(-1)).toEqual(['later', 2000])
  })

  test('a timer set while it is halted counts from its own time', () => {
    const { world, clock, ran, set } = machine()
    clock.suspend()
    set('set asleep', 10)
    world.advance(100)
    clock.resume()
    world.advance(10)
    expect(ran).toEqual([['set asleep', 10]])
  })

  test('a timer may halt it: those behind wait', () => {
    const { world, clock, ran, set } = machine()
    clock.setTimer(10, () => clock.suspend())
    set('same moment', 10)
    world.advance(50)
    expect([clock.now(), ran]).toEqual([10, []])
    clock.resume()
    expect(ran).toEqual([['same moment', 10]])
  })

  test('who is halted cannot be halted again', () => {
    const { clock } = machine()
    clock.stop()
    expect(() => clock.suspend()).toThrow('this machine is stopped already')
  })

  test('fractions lost in a sleep do not make a timer early', () => {
    const { world, clock, set } = machine()
    let early = 0
    for (let i = 0; i < 1000; i++) {
      world.advance(0.1 * i)
      clock.suspend()
      world.advance(1 / 3)
      clock.resume()
      const due = clock.now() + 0.7
      clock.setTimer(0.7, () => {
        if (clock.now() < due) early++
      })
    }
    set('last', 1)
    world.advance(2)
    expect(early).toBe(0)
  })
})
