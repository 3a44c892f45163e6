import { formatAddress, onesComplementSum, parseAddress, parsePrefix } from '@millrace/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PrefixMapping } from './prefix-mapping.ts'

function out(inside: string, outside: string, address: string): string | undefined {
  const { bytes } = parseAddress(address)
  const mapping = new PrefixMapping(parsePrefix(inside), parsePrefix(outside))
  return mapping.toOutside(new DataView(bytes.buffer), 0) ? formatAddress(bytes, 0, 6) : undefined
}

/** Word `i` of the address. */
const words = fc.array(fc.oneof(fc.constantFrom(0, 1, 0xfffe, 0xffff), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })

const zeros = new Array<number>(8).fill(0)

function textOf(parts: readonly number[]): string {
  return parts.map((part) => part.toString(16)).join(':')
}

describe('mapping of prefixes', () => {
  test.each([
    // RFC 6296 §3.6, of figure 1: a /48 takes up the difference, d245 - fcf5 = d54f, in the subnet.
    ['fd01:203:405::/48', '2001:db8:1::/48', 'fd01:203:405:1::1234', '2001:db8:1:d550::1234'],
    // The sum of the subnet and the difference is all ones: zero in its place.
    ['fd01:203:405::/48', '2001:db8:1::/48', 'fd01:203:405:2ab0::1', '2001:db8:1::1'],
    // A /64 takes it up in the first word of the identifier that is not all ones.
    ['fd01:203:405:1::/64', '2001:db8:1:1::/64', 'fd01:203:405:1:a:b:c:d', '2001:db8:1:1:d559:b:c:d'],
    ['fd01:203:405:1::/64', '2001:db8:1:1::/64', 'fd01:203:405:1:ffff:1:c:d', '2001:db8:1:1:ffff:d550:c:d'],
    // A /56 too, whose subnet stays.
    ['fd01:203:405::/56', '2001:db8:1::/56', 'fd01:203:405:77::1', '2001:db8:1:77:d54f::1'],
    // A /96 has only the last two words for it.
    ['fd01:203:405::/96', '2001:db8:1::/96', 'fd01:203:405::1:2', '2001:db8:1::d550:2'],
    // Of different lengths, the shorter is filled with zeros.
    ['fd01:203:405::/48', '2001:db8:1::/64', 'fd01:203:405::a:b:c:d', '2001:db8:1:0:d559:b:c:d'],
    // A prefix shorter than /48 leaves what is between it and the subnet.
    ['fd01:203::/32', '2001:db8::/32', 'fd01:203:9:1::1', '2001:db8:9:d14c::1'],
    // No other address: the subnet of all ones, the identifier of all zeros or all ones.
    ['fd01:203:405::/48', '2001:db8:1::/48', 'fd01:203:405:ffff::1', undefined],
    ['fd01:203:405:1::/64', '2001:db8:1:1::/64', 'fd01:203:405:1::', undefined],
    ['fd01:203:405:1::/64', '2001:db8:1:1::/64', 'fd01:203:405:1:ffff:ffff:ffff:ffff', undefined],
    // Nor where the other identifier would be all zeros, which has no way back.
    ['fd01:203:405:1::/64', '2001:db8:1:1::/64', 'fd01:203:405:1:2ab0::', undefined],
    ['fffe:0:fffe:fffe:fffe:0:4:0/110', '::/110', 'fffe:0:fffe:fffe:fffe:0:4:0', undefined],
  ])('%s to %s: %s is %s', (inside, outside, address, expected) => {
    expect(out(inside, outside, address)).toBe(expected)
  })

  test('whatever the prefixes, no checksum changes, and undoing what was done gives what was there', () => {
    const length = fc.integer({ min: 1, max: 112 })
    fc.assert(
      fc.property(words, words, words, length, length, (a, b, host, insideLength, outsideLength) => {
        const inside = parsePrefix(`${textOf(a)}/${insideLength}`)
        const outside = parsePrefix(`${textOf(b)}/${outsideLength}`)
        const mapping = new PrefixMapping(inside, outside)
        const bytes = parseAddress(textOf(host)).bytes
        const view = new DataView(bytes.buffer)
        // Puts the host behind the inside prefix, filled with zeros.
        for (let bit = 0; bit < mapping.length; bit++) {
          const mask = 0x80 >> (bit & 7)
          bytes[bit >> 3]! = (bytes[bit >> 3]! & ~mask) | (inside.bytes[bit >> 3]! & mask)
        }
        expect(mapping.isInside(view, 0)).toBe(true)
        const before = bytes.slice()
        const sum = onesComplementSum(view, 0, 16)
        if (!mapping.toOutside(view, 0)) {
          expect(bytes).toEqual(before)
          return
        }
        expect(mapping.isOutside(view, 0)).toBe(true)
        expect(onesComplementSum(view, 0, 16) % 0xffff).toBe(sum % 0xffff)
        expect(mapping.toInside(view, 0)).toBe(true)
        expect(bytes).toEqual(before)
      }),
      { numRuns: 500, examples: [[[65534, 0, 65534, 65534, 65534, 0, 4, 0], zeros, zeros, 110, 1]] },
    )
  })
})
