import { expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'

test.each<[Partial<NatOptions>, string]>([
  [{ address: '2001:db8::1' }, 'nat address: expected an IPv4 address, got "2001:db8::1"'],
  [{ address: '127.0.0.1' }, 'nat address: expected the address of a host, got "127.0.0.1"'],
  [{ address: 'egress' }, 'nat address: expected an IPv4 or IPv6 address, got "egress"'],
  [{ gatewayAddress: '224.0.0.1' }, 'nat gatewayAddress: expected the address of a host, got "224.0.0.1"'],
  [{ sessions: 0 }, 'nat sessions: expected a whole number from 1 to 8388608, got 0'],
  [{ sessionsPerPeer: 1.5 }, 'nat sessionsPerPeer: expected a whole number from 1 to 8388608, got 1.5'],
  [{ mtu: 500 }, 'nat mtu: expected a whole number from 576 to 65535, got 500'],
  [{ ports: [2000, 1999] }, 'nat ports: expected a whole number from 2000 to 65535, got 1999'],
  [{ ports: [0, 10] }, 'nat ports: expected a whole number from 1 to 65535, got 0'],
  [{ reservedPorts: [70_000] }, 'nat reservedPorts: expected a whole number from 1 to 65535, got 70000'],
  [
    { ports: [53, 54], reservedPorts: [53, 54, 53] },
    'nat reservedPorts: expected at least one port of 53 to 54 to be left',
  ],
  [{ portsPerPeer: 0 }, 'nat portsPerPeer: expected a whole number from 1 to 8388608, got 0'],
  [
    { newSessionsPerPeer: { perSecond: 0, burst: 1 } },
    'nat newSessionsPerPeer.perSecond: expected a number above 0, got 0',
  ],
  [
    { newSessionsPerPeer: { perSecond: 1, burst: 0 } },
    'nat newSessionsPerPeer.burst: expected a whole number from 1 to 8388608, got 0',
  ],
  [{ fragmentedDatagrams: -1 }, 'nat fragmentedDatagrams: expected a whole number from 0 to 65536, got -1'],
  [{ unsolicitedSyn: 'rst' as 'silent' }, 'nat unsolicitedSyn: expected one of silent, port-unreachable, got "rst"'],
  [{ timeouts: { tcpTransitory: -1 } }, 'nat timeouts.tcpTransitory: expected milliseconds, at least 1, got -1'],
  [{ holdDown: Number.NaN }, 'nat holdDown: expected milliseconds, at least 0, got NaN'],
  [{ timeouts: { udp: 0 } }, 'nat timeouts.udp: expected milliseconds, at least 1, got 0'],
])('says what is wrong with %j', (options, message) => {
  expect(() => nat({ address: '203.0.113.7', ...options })).toThrow(message)
})
