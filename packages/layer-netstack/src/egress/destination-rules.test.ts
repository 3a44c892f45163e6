import { ConfigurationError, formatPrefix } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { parseDestinationRule } from './destination-rules.ts'

describe('rules for destinations', () => {
  test.each([
    ['10.0.0.0/8', ['10.0.0.0/8'], 0, 65_535],
    ['192.0.2.1', ['192.0.2.1/32'], 0, 65_535],
    ['10.1.2.3:5432', ['10.1.2.3/32'], 5432, 5432],
    ['10.0.0.0/8:8000-8099', ['10.0.0.0/8'], 8000, 8099],
    ['fd00::1', ['fd00::1/128'], 0, 65_535],
    ['fd00::/64', ['fd00::/64'], 0, 65_535],
    ['[fd00::1]', ['fd00::1/128'], 0, 65_535],
    ['[fd00::1]:443', ['fd00::1/128'], 443, 443],
    ['[fd00::/64]:1-65535', ['fd00::/64'], 1, 65_535],
    ['*', ['0.0.0.0/0', '::/0'], 0, 65_535],
    ['*:25', ['0.0.0.0/0', '::/0'], 25, 25],
  ])('%s', (text, prefixes, first, last) => {
    const rules = parseDestinationRule(text, 'allow')
    expect(rules.map(({ prefix }) => formatPrefix(prefix))).toEqual(prefixes)
    for (const rule of rules) expect(rule).toMatchObject({ firstPort: first, lastPort: last })
  })

  test.each([
    '',
    ':25',
    'example.com',
    '10.0.0.0/33',
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1:20-10',
    '10.0.0.1:',
    '[fd00::1]443',
    '[*]:25',
    '010.0.0.1',
    '127.1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    '::ffff:0:0/96',
    '[::ffff:a00:1]:80',
  ])('%o is refused in a line that names it', (text) => {
    expect(() => parseDestinationRule(text, 'allow')).toThrow(ConfigurationError)
    expect(() => parseDestinationRule(text, 'allow')).toThrow(/^allow: expected /)
  })
})
