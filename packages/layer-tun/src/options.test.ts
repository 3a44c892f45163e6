import { expect, test } from 'vitest'
import { tun } from './tun.ts'

test.each([
  [{ name: 'a-name-too-long1' }, 'tun name: expected 1 to 15 printable characters'],
  [{ name: '' }, 'tun name: expected 1 to 15'],
  [{ name: '..' }, 'tun name: expected 1 to 15'],
  [{ name: 'a/b' }, 'tun name: expected 1 to 15'],
  [{ name: 'a b' }, 'tun name: expected 1 to 15'],
  [{ name: 'münze' }, 'tun name: expected 1 to 15'],
  [{ name: '%s' }, 'tun name: expected 1 to 15'],
  [{ name: '%d%d' }, 'tun name: expected 1 to 15'],
  [{ mtu: 67 }, 'tun mtu: expected a number from 68 to 65535, got 67'],
  [{ mtu: 65_536 }, 'tun mtu: expected a number from 68 to 65535, got 65536'],
  [{ mtu: 1420.5 }, 'tun mtu: expected a number from 68 to 65535, got 1420.5'],
  [
    { mtu: 1279, addresses: ['fd00::1/64'] },
    'tun mtu: expected a number from 1280 to 65535 (IPv6 needs 1280), got 1279',
  ],
  [{ mtu: 1279, routes: ['::/0'] }, 'expected a number from 1280'],
  [{ addresses: ['10.0.0.1/33'] }, 'tun address: expected a prefix length from 0 to 32, got "10.0.0.1/33"'],
  [{ addresses: ['10.0.0'] }, 'tun address: expected an IPv4 or IPv6 address, got "10.0.0"'],
  [{ fd: -1 }, 'tun fd: expected a file descriptor, got -1'],
  [{ fd: 1.5 }, 'tun fd: expected a file descriptor, got 1.5'],
  [{ fd: 3, name: 'wg0' }, 'tun fd: expected no name, addresses or routes beside it'],
  [{ fd: 3, routes: ['::/0'] }, 'tun fd: expected no name, addresses or routes beside it'],
  [{ routes: ['everywhere'] }, 'tun route: expected an IPv4 or IPv6 address, got "everywhere"'],
  [{ offload: null as never }, 'tun offload: expected true, false or { tcp?: boolean, udp?: boolean }, got null'],
  [{ offload: 'tcp' as never }, 'tun offload: expected true, false or { tcp?: boolean, udp?: boolean }, got "tcp"'],
  [
    { offload: { udp: 1 as never } },
    'tun offload: expected true, false or { tcp?: boolean, udp?: boolean }, got {"udp":1}',
  ],
])('%j is refused in one line', (options, message) => {
  expect(() => tun(options)).toThrow(expect.objectContaining({ name: 'ConfigurationError' }))
  expect(() => tun(options)).toThrow(message)
})

test.each([
  {},
  { name: 'egress0' },
  { name: 'fifteen-letters' },
  { name: 'wg%d' },
  { mtu: 68, addresses: ['10.0.0.1/31'] },
  { mtu: 1280, addresses: ['fd00::1'], routes: ['0.0.0.0/0', '::/0'] },
  { offload: false },
  { offload: {} },
  { offload: { udp: false } },
])('%j is accepted', (options) => {
  expect(tun(options).name).toBe('tun')
})
