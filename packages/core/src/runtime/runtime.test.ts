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
