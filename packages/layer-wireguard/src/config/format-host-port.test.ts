import { expect, test } from 'vitest'
import { formatHostPort } from './format-host-port.ts'

test('an endpoint has brackets around IPv6 only', () => {
  expect(formatHostPort({ host: '2001:db8::1', port: 51_820 })).toBe('[2001:db8::1]:51820')
  expect(formatHostPort({ host: '203.0.113.7', port: 51_820 })).toBe('203.0.113.7:51820')
  expect(formatHostPort({ host: 'gw.example', port: 51_820 })).toBe('gw.example:51820')
})
