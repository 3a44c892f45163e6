import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReplayWindow, WINDOW } from './replay-window.ts'

const REJECT = 2n ** 64n - 2n ** 13n - 1n
const SIZE = 8128n

function accept(window: ReplayWindow, counter: bigint): boolean {
  return window.accept(Number(counter >> 32n), Number(counter & 0xffff_ffffn))
}

/** The definition: taken once, if no more than SIZE behind the greatest taken, and below REJECT_AFTER_MESSAGES. */
class SlowWindow {
  readonly #seen = new Set<bigint>()
  #greatest = 0n

  accept(counter: bigint): boolean {
    if (counter >= REJECT || this.#greatest - counter > SIZE || this.#seen.has(counter)) return false
    this.#seen.add(counter)
    if (counter > this.#greatest) this.#greatest = counter
    return true
  }
}

test('the window is that of the kernel and wireguard-go', () => expect(BigInt(WINDOW)).toBe(SIZE))

describe.each([
  ['0', 0n],
  ['2^31', 2n ** 31n],
  ['2^32', 2n ** 32n],
  ['2^53', 2n ** 53n],
  ['2^63', 2n ** 63n],
])('above %s', (_name, base) => {
  // Counters as distance from a base, and for each whether it is taken.
  const far = 2n ** 40n
  test.each<[string, readonly bigint[], string]>([
    ['one by one', [0n, 1n, 2n], 'yes yes yes'],
    ['once only', [0n, 0n, 1n, 0n, 1n], 'yes no yes no no'],
    ['out of order', [9n, 8n, 7n, 7n, 8n, 9n], 'yes yes yes no no no'],
    ['the oldest in the window', [SIZE, 0n, 0n], 'yes yes no'],
    ['the first outside of it', [SIZE + 1n, 0n, 1n], 'yes no yes'],
    ['a step of the whole window', [0n, SIZE, 1n, 0n], 'yes yes yes no'],
    ['a step of the whole ring', [0n, 8192n, 0n, 64n, 63n], 'yes yes no yes no'],
    ['a far step', [5n, far, 5n, far - SIZE, far - SIZE - 1n], 'yes yes no yes no'],
  ])('%s', (_what, counters, verdicts) => {
    const window = new ReplayWindow()
    const origin = base + 3n * SIZE
    expect(counters.map((n) => (accept(window, origin + n) ? 'yes' : 'no')).join(' ')).toBe(verdicts)
  })

  test('a whole window backwards, then each once more', () => {
    const window = new ReplayWindow()
    const counters = Array.from({ length: Number(SIZE) + 1 }, (_, i) => base + SIZE - BigInt(i))
    expect(counters.filter((counter) => !accept(window, counter))).toEqual([])
    expect(counters.filter((counter) => accept(window, counter))).toEqual([])
  })
})

test('nothing from REJECT_AFTER_MESSAGES on, everything below it', () => {
  const window = new ReplayWindow()
  const steps: [bigint, boolean][] = [
    [REJECT, false],
    [REJECT - 1n, true],
    [REJECT, false],
    [REJECT + 1n, false],
    [2n ** 64n - 1n, false],
    [REJECT - 1n, false],
    [REJECT - 2n, true],
    [REJECT - 1n - SIZE, true],
    [REJECT - 2n - SIZE, false],
    [0n, false],
  ]
  expect(steps.map(([n]) => [n, accept(window, n)])).toEqual(steps)
})

test('is the definition, wherever the counters begin and however they jump', () => {
  const base = fc.constantFrom(0n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, REJECT - 40_000n)
  const jump = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -70, max: 70 }) },
    { weight: 2, arbitrary: fc.integer({ min: -8300, max: 8300 }) },
    { weight: 1, arbitrary: fc.integer({ min: -20_000, max: 40_000 }) },
  )
  fc.assert(
    fc.property(base, fc.array(jump, { minLength: 1, maxLength: 300, size: 'max' }), (start, jumps) => {
      const [window, slow] = [new ReplayWindow(), new SlowWindow()]
      let counter = start
      for (const step of jumps) {
        counter += BigInt(step)
        if (counter < 0n) counter = 0n
        if (counter >= 2n ** 64n) counter = 2n ** 64n - 1n
        expect([counter, accept(window, counter)]).toEqual([counter, slow.accept(counter)])
      }
    }),
    { numRuns: 200 },
  )
})
