import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rows } from './rows.ts'
import { TIMER_WORDS, TimerWheel } from './timer-wheel.ts'

const ENTRIES = 8
const HOUR = 3_600_000

/** Takes out what has come round by `now`, and puts in again what is not due then. Returns what was due, and how many looks it took. */
function takeDue(wheel: TimerWheel, now: number, deadlines: Map<number, number>): { due: number[]; looks: number } {
  const due: number[] = []
  let looks = 0
  for (let row = wheel.due(now); row >= 0; row = wheel.due(now)) {
    looks++
    wheel.remove(row)
    const deadline = deadlines.get(row) as number
    if (deadline > now) wheel.add(row, deadline, now)
    else due.push(row)
  }
  return { due, looks }
}

const delay = fc.oneof(fc.nat(20), fc.nat(10_000), fc.double({ min: 0, max: 10 * HOUR, noNaN: true }))
const step = fc.record({
  row: fc.nat(ENTRIES - 1),
  what: fc.constantFrom('set', 'put off', 'remove'),
  delay,
  wait: delay,
})

describe('the timer wheel', () => {
  test('each row comes round when it is due, at most a millisecond later, and never when it was removed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), delay, (steps, start) => {
        const rows = new Rows(ENTRIES, 16)
        const wheel = new TimerWheel(rows, 5)
        const deadlines = new Map<number, number>()
        let now = start
        for (const { row, what, delay, wait } of steps) {
          now += wait
          for (const row of takeDue(wheel, now, deadlines).due) deadlines.delete(row)
          for (const deadline of deadlines.values()) expect(deadline).toBeGreaterThan(Math.floor(now))
          const known = deadlines.get(row)
          // What is put off stays where it is in the wheel.
          if (what === 'put off' && known !== undefined) deadlines.set(row, known + delay)
          if (what !== 'put off' && known !== undefined) {
            wheel.remove(row)
            deadlines.delete(row)
          }
          if (what === 'set') {
            deadlines.set(row, now + delay)
            wheel.add(row, now + delay, now)
          }
          const others = rows.words.filter((_, word) => word % 16 < 5 || word % 16 >= 5 + TIMER_WORDS)
          expect(others.every((word) => word === 0)).toBe(true)
        }
        now += 24 * HOUR
        for (const row of takeDue(wheel, now, deadlines).due) deadlines.delete(row)
        expect([...deadlines.values()].filter((deadline) => deadline <= now)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('a row that is put off all the time is looked at once in its time', () => {
    const wheel = new TimerWheel(new Rows(1, 16), 0)
    const deadlines = new Map([[0, 300_000]])
    wheel.add(0, 300_000, 0)
    let looks = 0
    for (let now = 0; now < 3_000_000; now += 10) {
      deadlines.set(0, now + 300_000)
      looks += takeDue(wheel, now, deadlines).looks
    }
    // Up to a turn of 4 s earlier than needed.
    expect(looks).toBeGreaterThanOrEqual(9)
    expect(looks).toBeLessThanOrEqual(11)
  })

  test('rows far beyond the wheels come round in time, a clock of any age', () => {
    const wheel = new TimerWheel(new Rows(2, 16), 0)
    const now = Date.UTC(2026, 0, 1)
    const deadlines = new Map([
      [0, now + 100 * HOUR],
      [1, now + 1],
    ])
    for (const [row, deadline] of deadlines) wheel.add(row, deadline, now)
    expect(takeDue(wheel, now, deadlines)).toEqual({ due: [], looks: 0 })
    expect(takeDue(wheel, now + 1, deadlines)).toEqual({ due: [1], looks: 1 })
    expect(takeDue(wheel, now + 100 * HOUR - 1, deadlines).due).toEqual([])
    expect(takeDue(wheel, now + 100 * HOUR, deadlines).due).toEqual([0])
    expect(wheel.due(Number.MAX_SAFE_INTEGER)).toBe(-1)
  })
})
