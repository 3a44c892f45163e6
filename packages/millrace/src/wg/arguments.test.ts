import { expect, test } from 'vitest'
import { parseArguments, USAGE } from './arguments.ts'

test.each([
  [['wg0'], { foreground: false, interfaceName: 'wg0' }],
  [['-f', 'wg0'], { foreground: true, interfaceName: 'wg0' }],
  [['--foreground', 'fifteen.letters'], { foreground: true, interfaceName: 'fifteen.letters' }],
])('%j', (words, expected) => {
  expect(parseArguments(words)).toEqual(expected)
})

test.each([[[]], [['-f']], [['wg0', 'wg1']], [['wg0', '-f']], [['--help']], [['-f', '-f', 'wg0']]])(
  '%j is answered with how to call it',
  (words) => expect(() => parseArguments(words)).toThrow(USAGE),
)

test.each(['a/b', '..', 'sixteen-letters.', 'a b', 'wg%d', ''])('%j is no name of an interface', (name) => {
  expect(() => parseArguments([name])).toThrow('interface name: expected 1 to 15 letters, digits and _=+.-')
})
