import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { systemRandom } from './random.ts'
import { bind, CLOCK, RANDOM, runtimeWith, type Token, token } from './runtime.ts'

test('a runtime gives what is bound, else the fallback, made once for each runtime', () => {
  let made = 0
  const THING: Token<{ number: number }> = token('Thing', () => ({ number: ++made }))
  const bound = { number: -1 }
  expect(runtimeWith(bind(THING, bound)).get(THING)).toBe(bound)
  const runtime = runtimeWith()
  expect(runtime.get(THING)).toBe(runtime.get(THING))
  expect(runtimeWith().get(THING)).toEqual({ number: 2 })
  expect(runtime.get(CLOCK)).toBe(systemClock)
  expect(runtime.get(RANDOM)).toBe(systemRandom)
})

test('undefined may be bound', () => {
  const MAYBE: Token<string | undefined> = token('Maybe', () => 'fallback')
  expect(runtimeWith(bind(MAYBE, undefined)).get(MAYBE)).toBeUndefined()
})

test('a token without a fallback must be bound', () => {
  expect(() => runtimeWith().get(token('Thing'))).toThrow('nothing is bound to Thing')
})

test('two tokens of the same name are two', () => {
  const [a, b]: Token<number>[] = [token('Thing'), token('Thing')]
  expect(runtimeWith(bind(a!, 1), bind(b!, 2)).get(a!)).toBe(1)
})

test('a timer of the system clock that is due already runs in this turn of the event loop, not a millisecond later', async () => {
  const calls: string[] = []
  systemClock.setTimer(0, () => calls.push('now'))
  systemClock.setTimer(-5, () => calls.push('overdue'))
  systemClock.setTimer(0, () => calls.push('cancelled')).cancel()
  await new Promise(setImmediate)
  expect(calls).toEqual(['now', 'overdue'])
})

test('words of the system generator do not repeat, however many are drawn', () => {
  const words = Array.from({ length: 2000 }, () => systemRandom.uint32())
  // Two of 2,000 are equal in one run of 2,000, eight in none.
  expect(new Set(words).size).toBeGreaterThan(1996)
  const [low, high] = [words.filter((word) => word < 2 ** 31).length, words.filter((word) => word >= 2 ** 31).length]
  expect([low > 800, high > 800]).toEqual([true, true])
})
