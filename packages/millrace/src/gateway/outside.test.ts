import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { MemoryMachine } from '../testing/memory-machine.ts'
import type { GatewayFlags } from './flags.ts'
import { egressAddress, isPrivateEndpoint, outerInterface, publicEndpoint } from './outside.ts'
import { type Plan, plan } from './plan.ts'

function planned(flags: GatewayFlags): Plan {
  return plan(undefined, { egress: flags.egressIp === undefined ? 'kernel' : 'tun', ...flags }, new SeededRandom(1))
}

function twoUplinks(): MemoryMachine {
  const machine = new MemoryMachine()
  const wan = { family: 4, destination: '0.0.0.0/0', table: 254, local: false } as const
  machine.table = [
    { ...wan, index: 2, interfaceName: 'eth0', metric: 200 },
    { ...wan, index: 3, interfaceName: 'wan0', metric: 100, source: '192.0.2.9' },
    { ...wan, index: 4, interfaceName: 'vpn0', metric: 1, table: 52 },
  ]
  return machine
}

describe('outerInterface', () => {
  test('is the one of the default route with the lowest metric in the main table', () => {
    expect(outerInterface(planned({}), twoUplinks())).toBe('wan0')
  })

  test('is the one that leads to the egress address', () => {
    const machine = twoUplinks()
    machine.routeTo = () => ({
      family: 4,
      destination: '203.0.113.7/32',
      interfaceName: 'dmz0',
      table: 254,
      local: false,
    })
    expect(outerInterface(planned({ egressIp: ['203.0.113.7'] }), machine)).toBe('dmz0')
  })

  test('is the one that was named', () => {
    expect(outerInterface(planned({ outer: 'lan0' }), twoUplinks())).toBe('lan0')
  })

  test('asks for it when nothing tells', () => {
    const machine = new MemoryMachine()
    machine.table = []
    for (const flags of [{}, { egressIp: ['203.0.113.7'] }]) {
      expect(() => outerInterface(planned(flags), machine)).toThrow('name it with --outer')
    }
  })
})

describe('publicEndpoint', () => {
  test.each<[GatewayFlags, string]>([
    [{}, '198.51.100.5:51820'],
    [{ listen: 443 }, '198.51.100.5:443'],
    [{ public: 'vpn.example.org' }, 'vpn.example.org:51820'],
    [{ public: 'vpn.example.org:443' }, 'vpn.example.org:443'],
    [{ public: '2001:db8::1' }, '[2001:db8::1]:51820'],
  ])('%j: %s', (flags, endpoint) => {
    expect(publicEndpoint(planned(flags), new MemoryMachine())).toBe(endpoint)
  })

  test('takes the preferred source of the default route', () => {
    expect(publicEndpoint(planned({}), twoUplinks())).toBe('192.0.2.9:51820')
  })

  test('asks for it when nothing tells', () => {
    const machine = new MemoryMachine()
    machine.table = []
    expect(() => publicEndpoint(planned({}), machine)).toThrow('name it with --public HOST')
  })
})

test('egressAddress is what the world sees, as far as it is known', () => {
  const machine = new MemoryMachine()
  expect(egressAddress(planned({ egressIp: ['203.0.113.7'] }), 'eth0', machine)).toBe('203.0.113.7')
  expect(egressAddress(planned({}), 'eth0', machine)).toBe('198.51.100.5')
  expect(egressAddress(planned({}), 'eth1', machine)).toBeUndefined()
  expect(egressAddress(planned({}), 'wan0', twoUplinks())).toBe('192.0.2.9')
})

test.each([
  ['10.0.0.5:51820', true],
  ['172.31.0.1:1', true],
  ['172.32.0.1:1', false],
  ['100.64.0.1:1', true],
  ['198.51.100.5:51820', false],
  ['[2001:db8::1]:51820', false],
])('%s is private: %s', (endpoint, expected) => {
  expect(isPrivateEndpoint(endpoint)).toBe(expected)
})
