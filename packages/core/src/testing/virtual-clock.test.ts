import { describe, expect, test } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

describe('the virtual clock', () => {
  test('moves only when told to; wall time moves with it', () => {
    const clock = new VirtualClock(1_000_000)
    expect([clock.now(), clock.wall()]).toEqual([0, 1_000_000])
    clock.advance(250.5)
    expect([clock.now(), clock.wall()]).toEqual([250.5, 1_000_250.5])
  })

  test('runs timers in the order they are due, those of one moment in the order they were set, at that moment', () => {
    const clock = new VirtualClock()
    const ran: [string, number][] = []
    const set = (name: string, delay: number) => clock.setTimer(delay, () => void ran.push([name, clock.now()]))
    set('late', 30)
    set('first of two', 20)
    set('early', 10)
    set('second of two', 20)
    set('negative', -5)
    clock.advance(20)
    expect(ran).toEqual([
      ['negative', 0],
      ['early', 10],
      ['first of two', 20],
      ['second of two', 20],
    ])
    clock.advance(9.9)
    expect(ran).toHaveLength(4)
    clock.advance(0.1)
    expect(ran.at(-1)).toEqual(['late', 30])
  })

  test('runs a timer set by a timer, if it is due within the same advance', () => {
    const clock = new VirtualClock()
    const ran: number[] = []
    const tick = (): void => {
      ran.push(clock.now())
      clock.setTimer(10, tick)
    }
    clock.setTimer(10, tick)
    clock.advance(35)
    expect(ran).toEqual([10, 20, 30])
    expect(clock.now()).toBe(35)
  })

  test('a cancelled timer does not run, also when it is cancelled by one due at the same time', () => {
    const clock = new VirtualClock()
    const ran: string[] = []
    clock.setTimer(10, () => second.cancel())
    const second = clock.setTimer(10, () => void ran.push('second'))
    clock.setTimer(10, () => void ran.push('third'))
    const over = clock.setTimer(5, () => void ran.push('over'))
    clock.advance(10)
    over.cancel()
    expect(ran).toEqual(['over', 'third'])
  })

  test('never runs backwards, also when a timer advances it', () => {
    const clock = new VirtualClock()
    const seen: number[] = []
    clock.setTimer(10, () => clock.advance(100))
    clock.setTimer(50, () => void seen.push(clock.now()))
    clock.advance(20)
    expect(clock.now()).toBe(110)
    expect(seen).toEqual([50])
  })
})
