import { formatPrefix, type Prefix, parsePrefix } from '@millrace/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { prefixText, readPrefix } from './prefix-text.ts'

const read = (text: string): string | undefined => {
  const prefix = readPrefix(Buffer.from(text, 'latin1'))
  return prefix && `${prefix.family} ${Buffer.from(prefix.bytes).toString('hex')}/${prefix.length}`
}

describe('a prefix', () => {
  test.each([
    ['10.1.2.3/32', '4 0a010203/32'],
    ['10.1.2.3/9', '4 0a000000/9'],
    ['255.255.255.255/0', '4 00000000/0'],
    ['::/0', '6 00000000000000000000000000000000/0'],
    ['::1/128', '6 00000000000000000000000000000001/128'],
    ['1::/16', '6 00010000000000000000000000000000/16'],
    ['2001:DB8:0:1::f/61', '6 20010db8000000000000000000000000/61'],
    ['1:2:3:4:5:6:7:8/128', '6 00010002000300040005000600070008/128'],
    ['1:2:3:4:5:6:7::/128', '6 00010002000300040005000600070000/128'],
    ['64:ff9b::192.0.2.1/128', '6 0064ff9b0000000000000000c0000201/128'],
    ['1:2:3:4:5:6:192.0.2.1/128', '6 000100020003000400050006c0000201/128'],
  ])('%s', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  test.each([
    '',
    '/',
    '/0',
    '10.0.0.1',
    '10.0.0.1/',
    '10.0.0.1/33',
    '10.0.0.1/-1',
    '10.0.0.1/08',
    '10.0.0.1/8/8',
    '10.0.0.1/8 ',
    '10.0.0/8',
    '10.0.0.0.1/8',
    '10.0.0.01/8',
    '10.0.0.256/8',
    '10..0.1/8',
    '0x7f.0.0.1/8',
    '::1/129',
    ':/0',
    ':::/0',
    ':1::/16',
    '1::2:/16',
    '1::2::3/16',
    '1:2:3:4:5:6:7:8::/16',
    '1:2:3:4:5:6:7::8/16',
    '1:2:3:4:5:6:7:8:9/16',
    '1:2:3:4:5:6:7/16',
    '12345::/16',
    '::g/16',
    '::1.2.3/16',
    '::1.2.3.4:1/16',
    '1:2:3:4:5:6:7:1.2.3.4/16',
    'fe80::1%eth0/64',
    '[::1]/128',
  ])('%j is none', (text) => {
    expect(read(text)).toBeUndefined()
  })
})

test('reads and writes as core does, whatever the bytes', () => {
  const family4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [...bytes].join('.'))
  const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(0xffff)).map((n) => n.toString(16))
  const groups = fc.array(group, { minLength: 5, maxLength: 9 }).map((all) => all.join(':'))
  const short = groups.map((text) => text.replace(/(^|:)0(:0)*(:|$)/, '::'))
  const mixed = fc.tuple(short, family4).map(([head, tail]) => head.replace(/[^:]*:[^:]*$/, tail))
  const address = fc.oneof(family4, fc.ipV6(), groups, short, mixed)
  const text = fc.tuple(address, fc.nat(140)).map(([address, length]) => `${address}/${length}`)
  const cut = fc.tuple(text, fc.nat(40), fc.nat(3), fc.constantFrom('', ':', '.', '0', 'f', '/'))
  const damaged = cut.map(([text, at, count, put]) => text.slice(0, at) + put + text.slice(at + count))
  let prefixes = 0
  fc.assert(
    fc.property(fc.oneof(text, damaged), (text) => {
      const expected = parsed(text)
      if (expected !== undefined) {
        prefixes++
        expect(prefixText(expected)).toBe(formatPrefix(expected))
      }
      // Core takes a length of `08` for 8.
      if (!/\/0\d/.test(text)) expect(readPrefix(Buffer.from(text))).toEqual(expected)
    }),
    { numRuns: 20_000 },
  )
  expect(prefixes).toBeGreaterThan(5000)
})

function parsed(text: string): Prefix | undefined {
  try {
    return parsePrefix(text.includes('/') ? text : '')
  } catch {
    return undefined
  }
}
