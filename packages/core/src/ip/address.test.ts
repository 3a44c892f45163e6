import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatAddress,
  formatPrefix,
  ipv4ToNumber,
  parseAddress,
  parsePrefix,
  parseSocketAddress,
  prefixContains,
} from './address.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('an address in text', () => {
  test.each([
    ['10.0.0.1', '0a000001'],
    ['255.255.255.255', 'ffffffff'],
    ['0.0.0.0', '00000000'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:DB8::1', '20010db8000000000000000000000001'],
    ['2001:db8:0:0:1:0:0:1', '20010db8000000000001000000000001'],
    ['64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['::192.0.2.1', '000000000000000000000000c0000201'],
    ['1:2:3:4:5:6:192.0.2.1', '000100020003000400050006c0000201'],
  ])('%s', (text, expected) => {
    expect(hex(parseAddress(text).bytes)).toBe(expected)
  })

  test.each([
    '',
    'localhost',
    '0x7f.1',
    '0x7f.0.0.1',
    '127.1',
    '2130706433',
    '010.0.0.1',
    '10.0.0.01',
    '256.0.0.1',
    '1.2.3.4.5',
    ' 10.0.0.1',
    '10.0.0.1\n',
    '10.0.0.1/32',
    '+1.2.3.4',
    'fe80::1%eth0',
    'fe80::1%1',
    '[::1]',
    '::1::',
    ':::',
    '12345::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '::ffff:010.0.0.1',
    '::ffff:0x7f.0.0.1',
    '::ffff:1.2.3',
    '::g',
  ])('%j is refused', (text) => {
    expect(() => parseAddress(text, 'peer laptop endpoint')).toThrow(
      `peer laptop endpoint: expected an IPv4 or IPv6 address, got "${text}"`,
    )
  })

  // The rules of RFC 5952 §4, one by one.
  test.each([
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8:ABCD::F', '2001:db8:abcd::f'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
  ])('%s is written %s', (text, expected) => {
    expect(formatAddress(parseAddress(text).bytes, 0, 6)).toBe(expected)
  })

  test.each([4, 6] as const)('any IPv%i address that is written is read as the same', (family) => {
    const size = family === 4 ? 4 : 16
    // Zero bytes often, or :: would hardly come up.
    const byte = fc.oneof(fc.constant(0), fc.nat(255))
    fc.assert(
      fc.property(fc.array(byte, { minLength: size, maxLength: size }), fc.nat(3), (bytes, at) => {
        const memory = Uint8Array.from([...new Array<number>(at).fill(0xaa), ...bytes, 0xaa])
        const read = parseAddress(formatAddress(memory, at, family))
        expect([read.family, [...read.bytes]]).toEqual([family, bytes])
      }),
    )
  })

  test('as a number, as packet.source4 has it', () => {
    expect(ipv4ToNumber('198.51.100.7')).toBe(0xc6336407)
    expect(() => ipv4ToNumber('::1', 'nat address')).toThrow('nat address: expected an IPv4 address, got "::1"')
  })
})

describe('a prefix in text', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.9.8.7/8', '10.0.0.0/8'],
    ['10.255.255.255/9', '10.128.0.0/9'],
    ['10.0.0.1', '10.0.0.1/32'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['fd00::1', 'fd00::1/128'],
    ['ff::/0', '::/0'],
  ])('%s is %s', (text, expected) => {
    expect(formatPrefix(parsePrefix(text))).toBe(expected)
  })

  test.each([
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/8 ',
    '10.0.0.0/0x8',
    '10.0.0.0/1e1',
  ])('%j is refused', (text) => {
    expect(() => parsePrefix(text, 'allowedIps')).toThrow(
      /^allowedIps: expected a prefix length from 0 to (32|128), got/,
    )
  })

  test('contains its first and last address and neither neighbour', () => {
    const prefix = parsePrefix('198.51.100.64/26')
    const contains = (text: string): boolean => prefixContains(prefix, parseAddress(text).bytes, 0)
    expect(['198.51.100.63', '198.51.100.64', '198.51.100.127', '198.51.100.128'].map(contains)).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})

describe('a socket address in text', () => {
  test.each([
    ['192.0.2.1:51820', 4, '192.0.2.1', 51_820],
    ['[2001:db8::1]:1', 6, '2001:db8::1', 1],
    ['[2001:DB8:0::1]:65535', 6, '2001:db8::1', 65_535],
  ])('%s', (text, family, address, port) => {
    expect(parseSocketAddress(text)).toMatchObject({ family, address, port })
  })

  test.each([
    '192.0.2.1',
    '192.0.2.1:0',
    '192.0.2.1:65536',
    ':51820',
    '2001:db8::1:51820',
    '[::1]',
    '192.0.2.1:',
    '192.0.2.1:1x',
  ])('%j is refused', (text) => {
    expect(() => parseSocketAddress(text)).toThrow(`endpoint: expected ADDRESS:PORT or [IPV6]:PORT, got "${text}"`)
  })

  test('a name is refused: nothing is resolved here', () => {
    expect(() => parseSocketAddress('example.org:51820')).toThrow('expected an IPv4 or IPv6 address, got "example.org"')
  })
})
