import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TimerWheel } from './timer-wheel.ts'

const ENTRIES = 8

type Step =
  | { readonly kind: 'set'; readonly entry: number; readonly delay: number }
  | { readonly kind: 'cancel'; readonly entry: number }
  | { readonly kind: 'pass'; readonly time: number }

const delay = fc.oneof(fc.double({ min: -5, max: 20, noNaN: true }), fc.double({ min: 0, max: 20_000, noNaN: true }))
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), entry: fc.nat(ENTRIES - 1), delay }),
    fc.record({ kind: fc.constant('cancel' as const), entry: fc.nat(ENTRIES - 1) }),
    fc.record({ kind: fc.constant('pass' as const), time: delay }),
  ),
  { maxLength: 60 },
)

describe('the timer wheel', () => {
  test('takes each entry when it is due, not before, and in time: as a table of deadlines would', () => {
    fc.assert(
      fc.property(steps, (script) => {
        let now = 1234.5
        const wheel = new TimerWheel(ENTRIES, now)
        const deadlines = new Map<number, number>()
        const due = (): void => {
          for (let entry = wheel.take(now); entry >= 0; entry = wheel.take(now)) {
            const at = deadlines.get(entry)
            expect(at, 'only what is set').toBeDefined()
            // One beyond the span of the wheel comes round early, and is set again.
            if ((at as number) > now) {
              expect(at).toBeGreaterThan(now + 1)
              wheel.set(entry, at as number)
            } else deadlines.delete(entry)
          }
          for (const at of deadlines.values()) expect(at, 'nothing is overdue').toBeGreaterThan(Math.floor(now) - 1)
        }
        for (const step of script) {
          if (step.kind === 'cancel') {
            wheel.cancel(step.entry)
            deadlines.delete(step.entry)
          } else if (step.kind === 'set') {
            const at = now + step.delay
            wheel.set(step.entry, at)
            deadlines.set(step.entry, Math.min(at, deadlines.get(step.entry) ?? Number.POSITIVE_INFINITY))
          } else {
            const end = now + Math.max(step.time, 0)
            while (wheel.next <= end) {
              expect(wheel.next).toBeGreaterThanOrEqual(Math.floor(now))
              now = Math.max(wheel.next, now)
              due()
            }
            now = end
            due()
          }
          expect(wheel.next === Number.POSITIVE_INFINITY).toBe(deadlines.size === 0)
          for (const at of deadlines.values()) expect(wheel.next).toBeLessThanOrEqual(Math.max(Math.ceil(at), now))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a later time does not move an entry: it is looked at when it comes round', () => {
    const wheel = new TimerWheel(1, 0)
    wheel.set(0, 100)
    wheel.set(0, 1000)
    expect(wheel.next).toBe(100)
    wheel.set(0, 50)
    expect([wheel.next, wheel.take(49.9), wheel.take(50), wheel.next]).toEqual([50, -1, 0, Number.POSITIVE_INFINITY])
  })

  test('hours may pass at once', () => {
    const wheel = new TimerWheel(3, 0)
    for (const [entry, at] of [5, 3000, 4000].entries()) wheel.set(entry, at)
    const later = 36_000_000
    expect([wheel.take(later), wheel.take(later), wheel.take(later), wheel.take(later)]).toEqual([0, 1, 2, -1])
    wheel.set(1, later + 10)
    expect(wheel.next).toBe(later + 10)
  })
})
