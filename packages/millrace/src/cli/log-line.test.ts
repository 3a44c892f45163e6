import { expect, test } from 'vitest'
import { formatLine } from './log-line.ts'

const base = { level: 30, time: '2026-11-22T18:06:24.542Z' }

test.each([
  [{ ...base, msg: 'session up', layer: 'wireguard', peer: 'laptop' }, '18:06:24.542 info  session up peer=laptop\n'],
  [{ ...base, level: 40, msg: 'low', left: 3, what: 'two words' }, '18:06:24.542 warn  low left=3 what="two words"\n'],
  [
    { ...base, level: 50, msg: 'failed', err: { message: 'no such file' } },
    '18:06:24.542 error failed error="no such file"\n',
  ],
  [{ ...base, msg: 'a\u001b[31m\nb' }, '18:06:24.542 info  a?[31m?b\n'],
])('%j', (entry, line) => {
  expect(formatLine(`${JSON.stringify(entry)}\n`)).toBe(line)
})
