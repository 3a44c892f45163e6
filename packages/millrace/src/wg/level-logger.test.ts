import { expect, test } from 'vitest'
import { levelLogger } from './level-logger.ts'

test.each([
  ['debug', ['DEBUG: (wg0) d {"n":1}\n', 'INFO: (wg0) i\n', 'WARNING: (wg0) w\n', 'ERROR: (wg0) e {"err":"broken"}\n']],
  ['error', ['WARNING: (wg0) w\n', 'ERROR: (wg0) e {"err":"broken"}\n']],
  ['silent', []],
] as const)('at level %s', (level, expected) => {
  const lines: string[] = []
  const logger = levelLogger(level, 'wg0', (line) => lines.push(line))
  logger.debug({ n: 1 }, 'd')
  logger.info({}, 'i')
  logger.warn({}, 'w')
  logger.error({ err: new Error('broken') }, 'e')
  expect(lines).toEqual(expected)
})
