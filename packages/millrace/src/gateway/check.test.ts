import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { ConfigurationError, EnvironmentError } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { MemoryMachine } from '../testing/memory-machine.ts'
import { checkPlan, checkPrivileges } from './check.ts'
import type { GatewayFlags } from './flags.ts'
import { plan } from './plan.ts'

/** A port of UDP that is free now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp6').bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

async function check(flags: GatewayFlags, machine: MemoryMachine = new MemoryMachine()): Promise<void> {
  const wanted = plan(
    undefined,
    { listen: await freePort(), egress: flags.egressIp === undefined ? 'kernel' : 'tun', ...flags },
    new SeededRandom(1),
  )
  await checkPlan(wanted, machine)
}

describe('checkPrivileges', () => {
  test('says what is missing', () => {
    const machine = new MemoryMachine()
    checkPrivileges(machine)
    machine.hasTun = false
    expect(() => checkPrivileges(machine)).toThrow('there is no /dev/net/tun')
    machine.mayConfigure = false
    expect(() => checkPrivileges(machine)).toThrow('needs root (CAP_NET_ADMIN)')
  })
})

describe('checkPlan', () => {
  test('lets pass what can run, and changes nothing', async () => {
    const machine = new MemoryMachine()
    await check({ egressIp: ['198.51.100.77'] }, machine)
    expect(machine.calls).toEqual([])
    await check({ egress: 'kernel' }, machine)
    expect(machine.calls).toEqual(['nft check'])
  })

  test.each<[GatewayFlags, string]>([
    [{ egressIp: ['198.51.100.5'] }, '--egress-ip: 198.51.100.5 is held by eth0'],
    [{ subnet: '198.51.0.0/16' }, 'subnet 198.51.0.0/16 overlaps 198.51.100.5/24 of eth0'],
    [{ subnet: '198.51.100.128/25' }, 'subnet 198.51.100.128/25 overlaps 198.51.100.5/24 of eth0'],
    [{ egressIp: ['198.51.100.1'] }, '--egress-ip: 198.51.100.1 is a router that this host sends through'],
    [{ outer: 'eth9' }, '--outer: this machine has no interface named eth9'],
  ])('refuses %j: %s', async (flags, message) => {
    const failed = check(flags)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toBeInstanceOf(ConfigurationError)
  })

  test('refuses an address that a local route takes in', async () => {
    const machine = new MemoryMachine()
    machine.routeTo = () => ({ family: 4, destination: '203.0.113.0/24', table: 255, local: true })
    await expect(check({ egressIp: ['203.0.113.7'] }, machine)).rejects.toThrow('is held by this host')
  })

  test('refuses a subnet that a route leads to, but for routes to everywhere', async () => {
    const machine = new MemoryMachine()
    const lan = { family: 4, index: 2, interfaceName: 'eth0', table: 254, local: false } as const
    machine.table = [
      { ...lan, destination: '0.0.0.0/0' },
      { ...lan, destination: '0.0.0.0/1' },
      { ...lan, family: 6, destination: 'fd00::/8' },
    ]
    await check({}, machine)
    machine.table = [{ ...lan, destination: '10.0.0.0/8' }]
    await expect(check({}, machine)).rejects.toThrow('subnet 10.7.0.0/24 overlaps the route to 10.0.0.0/8')
  })

  test('refuses the name of an interface that is there', async () => {
    await expect(check({ interface: 'eth0' })).rejects.toThrow('there is an interface named eth0 already')
  })

  test('passes on what nft says', async () => {
    const machine = new MemoryMachine()
    machine.failure = { call: 'nft check', error: new EnvironmentError('no nft') }
    await expect(check({}, machine)).rejects.toThrow('no nft')
  })

  test('refuses a port in use', async () => {
    const socket = createSocket('udp4').bind(0)
    await once(socket, 'listening')
    const { port } = socket.address()
    try {
      await expect(check({ listen: port })).rejects.toThrow(
        new EnvironmentError(`UDP port ${port} on all addresses is in use by another program`),
      )
    } finally {
      socket.close()
    }
  })
})
