import { expect, test } from 'vitest'
import { hasNetAdmin } from './linux-host.ts'

test.each([
  ['CapEff:\t000001ffffffffff\n', true],
  ['CapEff:\t0000000000001000\n', true],
  ['CapEff:\t0000000000000fff\n', false],
  ['CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n', false],
  ['Name:\tnode\n', false],
])('%j may configure the network: %s', (status, expected) => {
  expect(hasNetAdmin(status)).toBe(expected)
})
