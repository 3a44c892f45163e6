import { describe, expect, test } from 'vitest'
import { parsePublicHost } from './public-host.ts'

describe('parsePublicHost', () => {
  test.each([
    ['vpn.example.org', { host: 'vpn.example.org' }],
    ['vpn.example.org:443', { host: 'vpn.example.org', port: 443 }],
    ['203.0.113.7', { host: '203.0.113.7' }],
    ['203.0.113.7:51820', { host: '203.0.113.7', port: 51_820 }],
    ['2001:db8::1', { host: '2001:db8::1' }],
    ['[2001:db8::1]', { host: '2001:db8::1' }],
    ['[2001:db8::1]:51820', { host: '2001:db8::1', port: 51_820 }],
    ['gateway', { host: 'gateway' }],
  ])('%s', (text, expected) => {
    expect(parsePublicHost(text, '--public')).toEqual(expected)
  })

  test.each([
    '',
    ':51820',
    'a b',
    'a\nb',
    'host:0',
    'host:65536',
    'host:port',
    '203.0.113.256',
    '203.0.113',
    '[vpn.example.org]:1',
    '[203.0.113.7]:1',
    '2001:db8::1:51820:1:1:1:1:1',
    '-host',
    'a..b',
  ])('refuses %j in one line', (text) => {
    expect(() => parsePublicHost(text, '--public')).toThrow(/^--public: expected HOST, HOST:PORT or \[IPV6\]:PORT.*$/)
  })
})
