import { ConfigurationError } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { parseFlag } from './flags.ts'

describe('parseFlag', () => {
  test.each<[keyof typeof parseFlag, string, unknown]>([
    ['port', '51820', 51_820],
    ['publicHost', 'auto', 'auto'],
    ['publicHost', 'vpn.example.org:443', 'vpn.example.org:443'],
    ['egress', 'kernel', 'kernel'],
    ['egress', 'rootless', 'rootless'],
    ['egressIp', '203.0.113.7', ['203.0.113.7']],
    ['egressIp', '203.0.113.7,2001:DB8::0:7', ['203.0.113.7', '2001:db8::7']],
    ['egressIp', 'auto', []],
    ['allow', '10.0.0.0/8,*:25', ['10.0.0.0/8', '*:25']],
    ['deny', 'none', []],
    ['resolver', '127.0.0.1:5353', '127.0.0.1:5353'],
    ['resolver', 'none', 'none'],
    ['subnet', '10.8.0.0/16', '10.8.0.0/16'],
    ['outer', 'eth0.100', 'eth0.100'],
    ['dns', '9.9.9.9,2620:fe::fe', ['9.9.9.9', '2620:fe::fe']],
    ['dns', 'none', []],
    ['sample', '0', 0],
    ['threads', '2', 2],
  ])('%s %s', (flag, text, expected) => {
    expect(parseFlag[flag](text)).toEqual(expected)
  })

  test.each<[keyof typeof parseFlag, string, string]>([
    ['port', '0', '--listen: expected a port from 1 to 65535, got "0"'],
    ['port', '65536', '--listen: expected a port from 1 to 65535, got "65536"'],
    ['port', '1e3', '--listen: expected a port from 1 to 65535, got "1e3"'],
    ['egress', 'nat', '--egress: expected auto, rootless, tun or kernel, got "nat"'],
    ['egressIp', '203.0.113', '--egress-ip: expected an IPv4 or IPv6 address, got "203.0.113"'],
    ['egressIp', '203.0.113.7,', '--egress-ip: expected an IPv4 or IPv6 address, got ""'],
    ['allow', '10.0.0.0/8:0', '--allow: expected a port or a range of ports from 1 to 65535, got "10.0.0.0/8:0"'],
    ['resolver', 'dns.example.org', '--resolver: expected an IPv4 or IPv6 address, got "dns.example.org"'],
    ['deny', 'example.org', '--deny: expected an IPv4 or IPv6 address, got "example.org"'],
    ['subnet', '10.7.0.0/31', '--subnet: 10.7.0.0/31 is too small: the gateway and one client need a /30 at least'],
    ['dns', 'resolver', '--dns: expected an IPv4 or IPv6 address, got "resolver"'],
    ['dns', '', '--dns: expected an IPv4 or IPv6 address, got ""'],
    ['threads', '0', '--threads: expected a number from 1 to 64, got "0"'],
    ['threads', '65', '--threads: expected a number from 1 to 64, got "65"'],
    ['sample', '-1', '--log: expected a whole number, got "-1"'],
    [
      'interface',
      'a/b',
      '--interface: expected an interface name of 1 to 15 letters, digits, ".", "_" or "-", got "a/b"',
    ],
    ['outer', '..', '--outer: expected an interface name of 1 to 15 letters, digits, ".", "_" or "-", got ".."'],
  ])('%s %s: %s', (flag, text, message) => {
    expect(() => parseFlag[flag](text)).toThrow(new ConfigurationError(message))
  })
})
