import { ConfigurationError, formatAddress, ipv4ToNumber, parseAddress, parsePrefix } from '@millrace/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EmbeddedAddresses, isGlobal, readPrefix } from './prefix.ts'

function embed(prefix: string, address: string): string | undefined {
  const bytes = new Uint8Array(16)
  const codec = new EmbeddedAddresses(parsePrefix(prefix))
  return codec.write(ipv4ToNumber(address), new DataView(bytes.buffer), 0) ? formatAddress(bytes, 0, 6) : undefined
}

function extract(prefix: string, address: string): number {
  const { bytes } = parseAddress(address)
  return new EmbeddedAddresses(parsePrefix(prefix)).read(new DataView(bytes.buffer), 0)
}

describe('IPv4 addresses in IPv6 ones', () => {
  // RFC 6052 §2.4, table 2 and 3.
  test.each([
    ['2001:db8::/32', '192.0.2.33', '2001:db8:c000:221::'],
    ['2001:db8:100::/40', '192.0.2.33', '2001:db8:1c0:2:21::'],
    ['2001:db8:122::/48', '192.0.2.33', '2001:db8:122:c000:2:2100::'],
    ['2001:db8:122:300::/56', '192.0.2.33', '2001:db8:122:3c0:0:221::'],
    ['2001:db8:122:344::/64', '192.0.2.33', '2001:db8:122:344:c0:2:2100:0'],
    ['2001:db8:122:344::/96', '192.0.2.33', '2001:db8:122:344::c000:221'],
  ])('%s and %s are %s', (prefix, address, embedded) => {
    expect(embed(prefix, address)).toBe(embedded)
    expect(extract(prefix, embedded)).toBe(ipv4ToNumber(address))
  })

  test('the well-known prefix stands before global addresses only', () => {
    expect(embed('64:ff9b::/96', '9.9.9.9')).toBe('64:ff9b::909:909')
    expect(extract('64:ff9b::/96', '64:ff9b::909:909')).toBe(0x0909_0909)
    for (const address of ['10.0.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1', '192.0.2.33', '127.0.0.1']) {
      const { bytes } = parseAddress(address)
      const [a, b, c, d] = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
      expect(embed('64:ff9b::/96', address)).toBeUndefined()
      expect(extract('64:ff9b::/96', `64:ff9b::${a}${b}:${c}${d}`)).toBe(0)
    }
    expect(embed('64:ff9b:1::/48', '10.0.0.1')).toBe('64:ff9b:1:a00:0:100::')
  })

  test.each([
    ['0.255.255.255', false],
    ['1.0.0.0', true],
    ['9.255.255.255', true],
    ['11.0.0.0', true],
    ['100.63.255.255', true],
    ['100.127.255.255', false],
    ['100.128.0.0', true],
    ['169.253.255.255', true],
    ['172.15.255.255', true],
    ['172.32.0.0', true],
    ['192.0.1.0', true],
    ['198.17.255.255', true],
    ['198.19.255.255', false],
    ['198.20.0.0', true],
    ['203.0.112.255', true],
    ['203.0.114.0', true],
    ['223.255.255.255', true],
    ['224.0.0.0', false],
    ['255.255.255.255', false],
  ])('%s is global: %s', (address, is) => {
    expect(isGlobal(ipv4ToNumber(address))).toBe(is)
  })

  test('another prefix, or bits 64 to 71 set, is no embedded address', () => {
    expect(extract('2001:db8::/96', '2001:db8::1:c000:221')).toBe(0)
    expect(extract('2001:db8::/32', '2001:db9:c000:221::')).toBe(0)
    expect(extract('2001:db8:122:344::/64', '2001:db8:122:344:1c0:2:2100:0')).toBe(0)
  })

  test('reading what was written gives the address, whatever the prefix', () => {
    const prefixes = ['2001:db8::/32', '2001:db8:100::/40', '2001:db8:122::/48', '2001:db8:122:300::/56', 'fd00::/64']
    fc.assert(
      fc.property(
        fc.constantFrom(...prefixes, 'fd00::/96'),
        fc.integer({ min: 1, max: 0xffff_ffff }),
        (text, address) => {
          const codec = new EmbeddedAddresses(parsePrefix(text))
          const view = new DataView(new ArrayBuffer(20))
          expect(codec.write(address, view, 2)).toBe(true)
          expect(codec.read(view, 2)).toBe(address)
        },
      ),
    )
  })

  test.each([
    ['2001:db8::/33', 'expected an IPv6 prefix of length 32, 40, 48, 56, 64, 96, got "2001:db8::/33"'],
    ['10.0.0.0/32', 'expected an IPv6 prefix of length'],
    ['2001:db8:0:0:100::/96', 'expected bits 64 to 71 to be 0'],
    ['nonsense', 'expected an IPv4 or IPv6 address'],
  ])('%s is refused', (text, message) => {
    expect(() => readPrefix(text, 'nat64 prefix')).toThrow(ConfigurationError)
    expect(() => readPrefix(text, 'nat64 prefix')).toThrow(message)
  })
})
