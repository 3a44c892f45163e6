import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress } from '../ip/address.ts'
import { PacketPool } from '../packet/pool.ts'
import { ipv4, ipv6, pooledPacket, udpSegment } from '../testing/packets.ts'
import { destinationIn, sourceIn } from './match.ts'

const pool = new PacketPool({ slots: 1, jumboSlots: 0 })
const udp = udpSegment({ sourcePort: 1, destinationPort: 2 })

/** Whether source and destination match. */
function match(prefixes: readonly string[], source: string, destination: string): [boolean, boolean] {
  const bytes = source.includes(':') ? ipv6({ source, destination }, udp) : ipv4({ source, destination }, udp)
  const packet = pooledPacket(pool, bytes)
  try {
    return [sourceIn(...prefixes)(packet), destinationIn(...prefixes)(packet)]
  } finally {
    packet.release()
  }
}

describe('prefixes', () => {
  test.each<[string[], string, string, boolean, boolean]>([
    [['10.0.0.0/8'], '10.255.255.255', '11.0.0.0', true, false],
    [['10.0.0.0/8'], '9.255.255.255', '10.0.0.0', false, true],
    [['0.0.0.0/0'], '255.255.255.255', '0.0.0.0', true, true],
    [['198.51.100.7'], '198.51.100.7', '198.51.100.6', true, false],
    [['198.51.100.7/32'], '198.51.100.7', '198.51.100.8', true, false],
    [['198.51.100.0/31'], '198.51.100.1', '198.51.100.2', true, false],
    [['128.0.0.0/1'], '128.0.0.0', '127.255.255.255', true, false],
    [['10.9.8.7/8'], '10.1.1.1', '11.1.1.1', true, false],
    [['2001:db8::/32'], '2001:db8:ffff::1', '2001:db9::', true, false],
    [['2001:db8::1/128'], '2001:db8::1', '2001:db8::2', true, false],
    [['2001:db8::/127'], '2001:db8::1', '2001:db8::2', true, false],
    [['::/0'], '::1', 'ff02::1', true, true],
    [['0.0.0.0/0'], '::1', '::', false, false],
    [['::/0'], '10.0.0.1', '10.0.0.2', false, false],
    [['10.0.0.0/8', '192.168.0.0/16', '::/0'], '192.168.1.1', '172.16.0.1', true, false],
    [[], '10.0.0.1', '10.0.0.2', false, false],
  ])('%j: source %s, destination %s', (prefixes, source, destination, expectedSource, expectedDestination) => {
    expect(match(prefixes, source, destination)).toEqual([expectedSource, expectedDestination])
  })

  test('a prefix that is none is refused when the layer is made', () => {
    expect(() => destinationIn('10.0.0.0/33')).toThrow('prefix: expected a prefix length from 0 to 32')
    expect(() => sourceIn('example.org')).toThrow('prefix: expected an IPv4 or IPv6 address, got "example.org"')
  })

  test.each([4, 6] as const)('any prefix of any IPv%i address matches as its bits do, one by one', (family) => {
    const size = family === 4 ? 4 : 16
    const bits = (address: Uint8Array): string => [...address].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    const address = fc.uint8Array({ minLength: size, maxLength: size })
    // A random address shares few bits with another: flipping one bit reaches every edge of a prefix.
    const flip = fc.nat(size * 8 - 1)
    fc.assert(
      fc.property(address, flip, fc.nat(size * 8), (base, flipped, length) => {
        const other = base.slice()
        other[flipped >> 3]! ^= 0x80 >> (flipped & 7)
        const text = (bytes: Uint8Array): string => formatAddress(bytes, 0, family)
        const slow = bits(base).slice(0, length) === bits(other).slice(0, length)
        expect(match([`${text(base)}/${length}`], text(other), text(base))).toEqual([slow, true])
      }),
      { numRuns: 500 },
    )
  })
})
