import { ConfigurationError, EnvironmentError } from '@millrace/core'
import { CommanderError } from 'commander'
import { expect, test } from 'vitest'
import { failureOf } from './failure.ts'

test.each([
  [new ConfigurationError('--listen: wrong'), { text: 'millrace: --listen: wrong\n', exitCode: 2 }],
  [new EnvironmentError('two\nlines'), { text: 'millrace: two lines\n', exitCode: 2 }],
  [
    new CommanderError(1, 'commander.unknownOption', "error: unknown option '--stat'\n(Did you mean --state?)"),
    { text: "millrace: unknown option '--stat' (Did you mean --state?)\n", exitCode: 2 },
  ],
  [new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)'), { text: '', exitCode: 0 }],
  [new CommanderError(1, 'commander.help', '(outputHelp)'), { text: '', exitCode: 0 }],
])('%s', (error, expected) => {
  expect(failureOf(error)).toEqual(expected)
})

test('what nobody expected comes with its stack and exit code 1', () => {
  const error = new TypeError('x is undefined')
  const { text, exitCode } = failureOf(error)
  expect(exitCode).toBe(1)
  expect(text).toContain(error.stack)
})
