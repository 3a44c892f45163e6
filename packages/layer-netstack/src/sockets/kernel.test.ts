import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { parseAddress } from '@millrace/core'
import { describeBytes, ipv4, packetFromText, tcpSegment } from '@millrace/core/testing'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
} from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RelayRig, until } from '../test-support/relay-rig.ts'
import type { SocketsEvent } from './flow-notes.ts'
import type { SocketsOptions } from './options.ts'
import { canPing } from './ping-socket.ts'

const runnable = canEnterNetworkNamespace() && existsSync('/proc/sys/net/ipv4/ping_group_range')

function ip(...words: string[]): void {
  execFileSync('ip', words)
}

/** The group of this process alone, or of nobody. */
function allowPings(allowed: boolean): void {
  const group = process.getegid?.() ?? 0
  writeFileSync('/proc/sys/net/ipv4/ping_group_range', allowed ? `${group} ${group}` : '1 0')
}

describe.skipIf(!runnable)('sockets on a network of their own (needs root)', () => {
  let namespace: NetworkNamespace
  const options: Partial<SocketsOptions> = {
    egressIp: ['203.0.113.1', '2001:db8:113::1'],
    gatewayAddress: ['10.9.0.1', 'fd00::1'],
    // All of this host; the others are nowhere.
    allow: ['203.0.113.0/32', '203.0.113.2', '2001:db8:113::2', '2001:db8:113::/64'],
  }

  beforeAll(() => {
    namespace = enterNetworkNamespace()
    // What goes out there vanishes.
    ip('link', 'add', 'nowhere', 'type', 'veth', 'peer', 'name', 'void')
    ip('link', 'set', 'nowhere', 'up')
    ip('link', 'set', 'void', 'up')
    ip('neighbour', 'add', '203.0.113.99', 'lladdr', '02:00:00:00:00:99', 'dev', 'nowhere')
    for (const address of ['203.0.113.1/24', '203.0.113.2/24', '2001:db8:113::1/64', '2001:db8:113::2/64']) {
      ip('address', 'add', address, 'dev', 'nowhere', ...(address.includes(':') ? ['nodad'] : []))
    }
  })
  afterAll(() => namespace.leave())

  test('a server that never answers is silence for the client, after the time of a dial', async () => {
    await using rig = await RelayRig.start({ ...options, dialTimeout: 200 })
    const client = rig.dial(9, '203.0.113.99')
    await until(() => rig.end.statistics()?.dials === 1)
    await until(() => rig.end.statistics()?.dials === 0)
    expect(rig.end.statistics()?.flows).toBe(0)
    expect([client.cause, client.established]).toEqual([undefined, false])
    const ended = rig.end.metrics().find(({ name }) => name === 'egress_flows_closed_total')
    expect(ended?.samples).toContainEqual({ labels: { reason: 'dial_timeout' }, value: 1 })
  })

  test('a client that gives up while we dial ends the dial', async () => {
    await using rig = await RelayRig.start(options)
    const ports = { sourcePort: 999, destinationPort: 9 }
    const ends = { source: '10.9.0.2', destination: '203.0.113.99' }
    rig.client.send(ipv4(ends, tcpSegment({ ...ports, flags: 'SYN', sequence: 100 })))
    expect(rig.end.statistics()).toMatchObject({ dials: 1, flows: 1 })
    rig.client.send(ipv4(ends, tcpSegment({ ...ports, flags: 'RST', sequence: 101 })))
    expect(rig.end.statistics()).toMatchObject({ dials: 0, flows: 0 })
  })

  test('a destination without a route is unreachable', async () => {
    await using rig = await RelayRig.start(options)
    const client = rig.dial(9, '198.51.100.1')
    await until(() => client.cause !== undefined)
    expect([client.cause, client.established]).toEqual(['unreachable', false])
  })

  test('an egress address that goes away fails its flows, and says so', async () => {
    ip('address', 'add', '203.0.113.50/32', 'dev', 'nowhere')
    await using rig = await RelayRig.start({ ...options, egressIp: '203.0.113.50' })
    const events: SocketsEvent[] = []
    rig.end.events.subscribe((event) => events.push(event))
    ip('address', 'del', '203.0.113.50/32', 'dev', 'nowhere')
    const client = rig.dial(9, '203.0.113.2')
    await until(() => client.cause !== undefined)
    rig.client.send(packetFromText('UDP 10.9.0.2:9 > 203.0.113.2:9'))
    expect([client.cause, client.established]).toEqual(['unreachable', false])
    expect(events).toEqual([
      { type: 'egress-address-failed', address: '203.0.113.50', code: 'EADDRNOTAVAIL', failures: 1 },
    ])
    expect(rig.end.statistics()).toMatchObject({ addressFailures: 2, flows: 0 })
  })

  test('pings are relayed, and only to whom they were sent', async () => {
    allowPings(true)
    expect(canPing(nativeSystem())).toBe(true)
    await using rig = await RelayRig.start(options)
    expect(rig.end.statistics()?.pingUnavailable).toBeUndefined()
    rig.client.send(
      packetFromText('ICMP 10.9.0.2 > 203.0.113.2 echo request 7'),
      packetFromText('ICMP 10.9.0.3 > 203.0.113.2 echo request 8'),
      packetFromText('ICMPv6 fd00::2 > 2001:db8:113::2 echo request 9'),
      packetFromText('ICMP 10.9.0.2 > 203.0.113.99 echo request 10'),
    )
    await until(() => rig.client.others.length === 3)
    expect(rig.client.others.map((bytes) => describeBytes(bytes)).sort()).toEqual([
      'ICMP 203.0.113.2 > 10.9.0.2 echo reply 7',
      'ICMP 203.0.113.2 > 10.9.0.3 echo reply 8',
      'ICMPv6 2001:db8:113::2 > fd00::2 echo reply 9',
    ])
    expect(rig.end.statistics()).toMatchObject({ echoFlows: 4, flows: 4 })
    await rig.stop()
    expect(rig.running.pool.inUse).toBe(0)
  })

  test('where the system allows no pings, they are refused, never answered in its place', async () => {
    allowPings(false)
    expect(canPing(nativeSystem())).toBe(false)
    await using rig = await RelayRig.start(options)
    expect(rig.end.statistics()?.pingUnavailable).toBe('EACCES')
    rig.client.send(packetFromText('ICMP 10.9.0.2 > 203.0.113.2 echo request 7'))
    expect(rig.client.others.map((bytes) => describeBytes(bytes))).toEqual([
      'ICMP 10.9.0.1 > 10.9.0.2 3/13 about ICMP 10.9.0.2 > 203.0.113.2 echo request 7',
    ])
  })

  test.each([
    ['by system calls', true],
    ['by node:dgram', false],
  ])('of connected sockets %s the client hears that a port is closed', async (_way, native) => {
    const question = 'UDP 10.9.0.2:7000 > 203.0.113.2:9'
    await using rig = await RelayRig.start({ ...options, udp: { connected: true, native } })
    rig.client.send(packetFromText(question))
    await until(() => rig.client.others.length === 1)
    expect(describeBytes(rig.client.others[0] as Uint8Array)).toBe(`ICMP 203.0.113.2 > 10.9.0.2 3/3 about ${question}`)
  })

  test('of other sockets the client hears nothing', async () => {
    const question = 'UDP 10.9.0.2:7000 > 203.0.113.2:9'
    await using other = await RelayRig.start(options)
    const server = createSocket('udp4').bind(9000, '203.0.113.2')
    await once(server, 'listening')
    server.on('message', (bytes, { port, address }) => server.send(bytes, port, address))
    other.client.send(packetFromText(question), packetFromText('UDP 10.9.0.2:7000 > 203.0.113.2:9000'))
    await until(() => other.client.others.length > 0)
    expect(other.client.others.map((bytes) => describeBytes(bytes))).toEqual(['UDP 203.0.113.2:9000 > 10.9.0.2:7000'])
    server.close()
  })

  test('IPv6 goes out from the address of its family', async () => {
    await using rig = await RelayRig.start(options)
    const seen: (string | undefined)[] = []
    const port = await rig.serve((socket) => {
      seen.push(socket.remoteAddress)
      socket.pipe(socket)
    }, '2001:db8:113::2')
    const from = parseAddress('fd00::2').bytes
    const client = rig.client.dial(from, 7000, parseAddress('2001:db8:113::2').bytes, port)
    client.onWritable = () => {
      client.onWritable = () => {}
      client.write(Buffer.from('hello'))
      client.shutdown()
    }
    await until(() => client.cause !== undefined)
    expect([client.cause, client.received, seen]).toEqual(['finished', 5, ['2001:db8:113::1']])

    const server = createSocket('udp6').bind(9000, '2001:db8:113::2')
    await once(server, 'listening')
    server.on('message', (bytes, { port: source, address }) => {
      seen.push(address)
      server.send(bytes, source, address)
    })
    rig.client.send(packetFromText('UDP [fd00::2]:7000 > [2001:db8:113::2]:9000'))
    await until(() => rig.client.others.length === 1)
    expect(describeBytes(rig.client.others[0] as Uint8Array)).toBe('UDP [2001:db8:113::2]:9000 > [fd00::2]:7000')
    expect(seen).toEqual(['2001:db8:113::1', '2001:db8:113::1'])
    server.close()
  })

  test.each([
    ['one socket', {}, ['3/0', '3/1', '3/13']],
    ['connected sockets', { connected: true }, ['3/0', '3/1', '3/13']],
    // Which does not say why.
    ['connected sockets of node:dgram', { connected: true, native: false }, ['3/1', '3/1', '3/1']],
  ])('by %s, the client hears that a datagram has no way', async (_what, udp, codes) => {
    ip('route', 'replace', 'unreachable', '198.51.101.0/24')
    ip('route', 'replace', 'prohibit', '198.51.102.0/24')
    await using rig = await RelayRig.start({ ...options, udp })
    const expected: string[] = []
    for (const [i, code] of codes.entries()) {
      const address = `198.51.${100 + i}.1`
      const lost = `UDP 10.9.0.2:7000 > ${address}:9`
      rig.client.send(packetFromText(lost))
      expected.push(`ICMP ${address} > 10.9.0.2 ${code} about ${lost}`)
      await until(() => rig.client.others.length === expected.length)
    }
    expect(rig.client.others.map((bytes) => describeBytes(bytes))).toEqual(expected)
    const dropped = rig.running.drops().filter(({ reason }) => reason.startsWith('udp-'))
    expect(dropped).toMatchObject([{ packets: expected.length }])
  })
})
