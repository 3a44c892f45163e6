import { parsePrefix } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { address6, Subnet, uniqueLocalPrefix } from './subnet.ts'

describe('Subnet', () => {
  test('gives the first host to the gateway and counts hosts up to the one before broadcast', () => {
    const subnet = Subnet.parse('10.7.0.0/24', '--subnet')
    expect(subnet.gateway).toBe('10.7.0.1')
    expect(subnet.address(subnet.lastHost)).toBe('10.7.0.254')
  })

  test('a /30 has room for the gateway and one client', () => {
    const subnet = Subnet.parse('192.168.9.4/30', '--subnet')
    expect([subnet.gateway, subnet.lastHost, subnet.address(2)]).toEqual(['192.168.9.5', 2, '192.168.9.6'])
  })

  test('counts over byte borders', () => {
    expect(Subnet.parse('10.0.0.0/8', '--subnet').address(65_536 + 256 + 2)).toBe('10.1.1.2')
  })

  test.each([
    ['10.7.0.0/31', '--subnet: 10.7.0.0/31 is too small: the gateway and one client need a /30 at least'],
    ['10.7.0.1', '--subnet: 10.7.0.1 is too small: the gateway and one client need a /30 at least'],
    ['0.0.0.0/0', '--subnet: 0.0.0.0/0 is too large: a /8 at most'],
    ['10.7.0.1/24', '--subnet: 10.7.0.1/24 has bits behind the prefix: did you mean 10.7.0.0/24?'],
    ['fd00::/64', '--subnet: expected an IPv4 network, got "fd00::/64"'],
    ['10.7.0.0/33', '--subnet: expected a prefix length from 0 to 32, got "10.7.0.0/33"'],
    ['tunnel', '--subnet: expected an IPv4 or IPv6 address, got "tunnel"'],
  ])('refuses %s', (text, message) => {
    expect(() => Subnet.parse(text, '--subnet')).toThrow(message)
  })

  test.each([
    ['10.7.0.0/16', true],
    ['10.7.0.128/25', true],
    ['10.7.0.9', true],
    ['10.7.1.0/24', false],
    ['fd00::/8', false],
  ])('overlaps %s: %s', (other, expected) => {
    expect(Subnet.parse('10.7.0.0/24', '--subnet').overlaps(parsePrefix(other))).toBe(expected)
  })
})

test('a unique local prefix is fd, 40 random bits and subnet 0 (RFC 4193), and differs from run to run', () => {
  const random = new SeededRandom(1)
  const [one, two] = [uniqueLocalPrefix(random), uniqueLocalPrefix(random)]
  const { bytes, length } = parsePrefix(one)
  expect(length).toBe(64)
  expect(bytes[0]).toBe(0xfd)
  expect([...bytes.subarray(6)]).toEqual(new Array(10).fill(0))
  expect(two).not.toBe(one)
})

test('a client has the same host number in IPv6', () => {
  expect(address6('fd12:3456:789a::/64', 2)).toBe('fd12:3456:789a::2')
  expect(address6('fd12:3456:789a::/64', 65_536 + 10)).toBe('fd12:3456:789a::1:a')
})
