import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { bind, CLOCK, ConfigurationError, EnvironmentError, type IpPacket, runtimeWith, stack } from '@millrace/core'
import {
  describeBytes,
  icmpEcho,
  ipv4,
  ipv6,
  MemoryHost,
  packetFromText,
  payload,
  SeededRandom,
  udpSegment,
  VirtualClock,
} from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { RelayRig, until } from '../test-support/relay-rig.ts'
import type { SocketsEvent } from './flow-notes.ts'
import type { SocketsOptions } from './options.ts'
import { sockets } from './sockets.ts'

/** What the client gets in answer to packets, each a line. */
async function answersTo(
  packets: readonly (string | Uint8Array)[],
  options: Partial<SocketsOptions>,
): Promise<string[]> {
  await using rig = await RelayRig.start({ egressIp: '127.0.0.9', allow: [], ...options })
  const answers: string[] = []
  rig.client.watch = (packet) => answers.push(describeBytes(packet.bytes().slice()))
  rig.client.send(...packets.map((one) => (typeof one === 'string' ? packetFromText(one) : one)))
  expect(rig.end.statistics()?.flows).toBe(0)
  await rig.stop()
  return answers
}

test.each([
  ['10.1.2.3', '10.9.0.1'],
  ['172.16.0.1', '10.9.0.1'],
  ['192.168.1.1', '10.9.0.1'],
  ['100.64.0.1', '10.9.0.1'],
  ['169.254.169.254', '10.9.0.1'],
  ['198.18.0.1', '10.9.0.1'],
  ['168.63.129.16', '10.9.0.1'],
])('neither a connection nor a datagram goes to %s unless told so', async (address, gatewayAddress) => {
  const syn = `TCP 10.9.0.2:999 > ${address}:80 SYN`
  const datagram = `UDP 10.9.0.2:999 > ${address}:80`
  expect(await answersTo([syn, datagram], { gatewayAddress })).toEqual([
    // UDP is answered in the same turn, TCP when its owner has been asked.
    `ICMP ${gatewayAddress} > 10.9.0.2 3/13 about ${datagram}`,
    `ICMP ${address} > 10.9.0.2 3/13 about ${syn}`,
  ])
})

test.each(['fd00::1', 'fe80::1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '2002:7f00:1::', 'fd00:ec2::254'])(
  'the same for %s',
  async (address) => {
    const syn = `TCP [2001:db8::2]:999 > [${address}]:80 SYN`
    const answers = await answersTo([syn], { egressIp: '::1' })
    expect(answers).toEqual([`ICMPv6 ${address} > 2001:db8::2 1/1 about ${syn}`])
  },
)

test.each([
  ['0.0.0.1', []],
  ['::', []],
  ['127.0.0.1', ['UDP']],
  ['127.9.9.9', ['UDP']],
  ['::1', ['UDP']],
  ['::ffff:7f00:1', ['UDP', 'TCP']],
  ['::7f00:1', ['UDP', 'TCP']],
])('nothing goes to %s, and what is told of it is about %s', async (address, told) => {
  const isIpv6 = address.includes(':')
  const line = isIpv6 ? `[2001:db8::2]:9 > [${address}]:80` : `10.9.0.2:9 > ${address}:80`
  const [datagram, syn] = [`UDP ${line}`, `TCP ${line} SYN`]
  const [router, client] = isIpv6 ? ['ICMPv6 fd00::1', '2001:db8::2 1/1'] : ['ICMP 10.9.0.1', '10.9.0.2 3/13']
  const options = { egressIp: ['127.0.0.9', '::1'], gatewayAddress: ['10.9.0.1', 'fd00::1'] }
  expect(await answersTo([syn, datagram], options)).toEqual([
    ...(told.includes('UDP') ? [`${router} > ${client} about ${datagram}`] : []),
    ...(told.includes('TCP') ? [`ICMPv6 ${address} > ${client} about ${syn}`] : []),
  ])
})

test('the addresses of this host are refused', async () => {
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
  const addresses = own.length > 0 ? own : ['203.0.113.200']
  for (const address of addresses) {
    const syn = `TCP 10.9.0.2:999 > ${address}:22 SYN`
    const answers = await answersTo([syn], { hostAddresses: () => addresses, allow: ['0.0.0.0/0'] })
    expect(answers).toEqual([`ICMP ${address} > 10.9.0.2 3/13 about ${syn}`])
  }
})

test('mail is refused, and what deny says', async () => {
  const smtp = 'TCP 10.9.0.2:999 > 198.51.100.1:25 SYN'
  const denied = 'TCP 10.9.0.2:998 > 198.51.100.9:443 SYN'
  expect(await answersTo([smtp, denied], { deny: ['198.51.100.9'] })).toEqual([
    `ICMP 198.51.100.1 > 10.9.0.2 3/13 about ${smtp}`,
    `ICMP 198.51.100.9 > 10.9.0.2 3/13 about ${denied}`,
  ])
})

test('a family without an egress address is refused, not leaked', async () => {
  const syn = 'TCP [2001:db8::2]:999 > [2001:db8:1::1]:80 SYN'
  const datagram = 'UDP [2001:db8::2]:999 > [2001:db8:1::1]:80'
  expect(await answersTo([syn, datagram], { gatewayAddress: 'fd00::1' })).toEqual([
    `ICMPv6 fd00::1 > 2001:db8::2 1/1 about ${datagram}`,
    `ICMPv6 2001:db8:1::1 > 2001:db8::2 1/1 about ${syn}`,
  ])
})

test('the gateway answers pings to itself, and serves nothing else', async () => {
  const answers = await answersTo(
    [
      'ICMP 10.9.0.2 > 10.9.0.1 echo request 7',
      'UDP 10.9.0.2:9 > 10.9.0.1:53',
      'TCP 10.9.0.2:9 > 10.9.0.1:22 SYN',
      'ICMPv6 fd00::2 > fd00::1 echo request 8',
    ],
    { gatewayAddress: ['10.9.0.1', 'fd00::1'] },
  )
  expect(answers).toEqual([
    'ICMP 10.9.0.1 > 10.9.0.2 echo reply 7',
    'ICMP 10.9.0.1 > 10.9.0.2 3/3 about UDP 10.9.0.2:9 > 10.9.0.1:53',
    'ICMPv6 fd00::1 > fd00::2 echo reply 8',
    'TCP 10.9.0.1:22 > 10.9.0.2:9 RST ACK',
  ])
})

test('pings to the gateway hold nothing, however many there are', async () => {
  await using rig = await RelayRig.start({ gatewayAddress: '10.9.0.1', limits: { flows: 1 } })
  for (let identifier = 0; identifier < 5000; identifier++) {
    rig.client.send(ipv4({ source: '10.9.0.2', destination: '10.9.0.1' }, icmpEcho({ type: 'request', identifier })))
  }
  expect(
    rig.client.others.map((bytes) => [bytes[20], new DataView(bytes.buffer, bytes.byteOffset).getUint16(24)]),
  ).toEqual(Array.from({ length: 5000 }, (_, identifier) => [0, identifier]))
  expect(rig.end.statistics()).toMatchObject({ echoFlows: 0, flows: 0 })
})

test('a peer that is refused much leaves the others their answers', async () => {
  // On which no time passes.
  const runtime = runtimeWith(bind(CLOCK, new VirtualClock()))
  await using rig = await RelayRig.start({ gatewayAddress: '10.9.0.1' }, {}, runtime)
  const resets: string[] = []
  rig.client.watch = (packet) => resets.push(describeBytes(packet.bytes().slice()))
  rig.client.peer = { name: 'alice' }
  for (let port = 1; port <= 1000; port++) rig.client.send(packetFromText(`TCP 10.9.0.2:${port} > 10.9.0.1:22 SYN`))
  expect(resets.length).toBeLessThan(1000)
  rig.client.peer = { name: 'bob' }
  rig.client.send(packetFromText('TCP 10.9.0.3:9 > 10.9.0.1:22 SYN'))
  expect(resets.at(-1)).toBe('TCP 10.9.0.1:22 > 10.9.0.3:9 RST ACK')
})

test('it is a hop: a hop limit of one ends here, and other protocols are refused', async () => {
  const ends = { source: '10.9.0.2', destination: '198.51.100.1' }
  await using rig = await RelayRig.start({ gatewayAddress: '10.9.0.1' })
  rig.client.send(
    ipv4(ends, payload(47, 'sixteen bytes ok')),
    ipv4({ ...ends, ttl: 1 }, payload(47, 'of any protocol')),
  )
  expect(rig.client.others.map((bytes) => [bytes[12], bytes[15], bytes[20], bytes[21]])).toEqual([
    [10, 1, 3, 13],
    [10, 1, 11, 0],
  ])
  const { drops } = rig.running.edges().find(({ to }) => to === 'sockets') ?? {}
  expect(drops).toEqual({ 'protocol-not-forwarded': 1, 'hop-limit-exceeded': 1 })
})

test('fragments are put together before anything is decided', async () => {
  const whole = ipv4(
    { source: '10.9.0.2', destination: '10.1.2.3' },
    udpSegment({ sourcePort: 999, destinationPort: 80 }, new Uint8Array(32)),
  )
  const part = (from: number, to: number, moreFragments: boolean): Uint8Array => {
    const where = { source: '10.9.0.2', destination: '10.1.2.3', id: 7, fragmentOffset: from, moreFragments }
    return ipv4(where, payload(17, whole.subarray(20 + from, 20 + to)))
  }
  await using rig = await RelayRig.start({ gatewayAddress: '10.9.0.1' })
  rig.client.send(part(0, 16, true))
  expect(rig.client.others).toHaveLength(0)
  expect(rig.end.statistics()?.reassembly.datagrams).toBe(1)
  rig.client.send(part(16, 40, false))
  expect(rig.end.statistics()?.reassembly.datagrams).toBe(0)
  expect(rig.client.others.map((bytes) => describeBytes(bytes))).toEqual([
    'ICMP 10.9.0.1 > 10.9.0.2 3/13 about UDP 10.9.0.2:999 > 10.1.2.3:80',
  ])
  expect(rig.running.pool.inUse).toBe(0)
})

test('an egress address that this host lacks fails the start', async () => {
  const end = sockets({ egressIp: '203.0.113.7' })
  await expect(stack<IpPacket>(new MemoryHost()).end(end).start()).rejects.toThrow(EnvironmentError)
})

test('limits: flows of one peer, and what others still have', async () => {
  await using rig = await RelayRig.start({ limits: { flowsPerPeer: 3 } })
  const events: SocketsEvent[] = []
  rig.end.events.subscribe((event) => events.push(event))
  const port = await rig.serve(() => {})
  rig.client.peer = { name: 'alice' }
  const alice = Array.from({ length: 5 }, () => rig.dial(port))
  await until(() => alice.filter(({ established }) => established).length === 3 && refusals(rig) === 2)
  expect(rig.end.statistics()?.flows).toBe(3)
  rig.client.peer = { name: 'bob' }
  const bob = rig.dial(port)
  await until(() => bob.established)
  expect(events).toEqual([
    {
      type: 'flows-refused',
      reason: 'peer-flows-exhausted',
      destination: undefined,
      protocol: 6,
      peer: { name: 'alice' },
      refused: 1,
    },
  ])
  expect(refusals(rig)).toBe(2)
})

/** Flows refused because their peer has its share. */
function refusals(rig: RelayRig): number {
  const { samples = [] } = rig.end.metrics().find(({ name }) => name === 'egress_flows_refused_total') ?? {}
  return samples.find(({ labels }) => labels['reason'] === 'peer-flows-exhausted')?.value ?? 0
}

test('a port that another program has is passed over', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port: taken } = other.address() as AddressInfo
  const range = taken < 65_535 ? ([taken, taken + 1] as const) : ([taken - 1, taken] as const)
  await using rig = await RelayRig.start({ ports: range })
  const from: (number | undefined)[] = []
  const port = await rig.serve(({ remotePort }) => from.push(remotePort))
  // The port is picked at random, so one of these begins with the one that is taken.
  for (let i = 1; i <= 8; i++) {
    const client = rig.dial(port)
    await until(() => client.established || client.cause !== undefined)
    expect(client.cause).toBeUndefined()
    await until(() => from.length === i)
    client.abort()
    await until(() => rig.end.statistics()?.flows === 0)
  }
  expect(new Set(from)).toEqual(new Set(range.filter((one) => one !== taken)))
  other.close()
})

test('options that cannot be are named', () => {
  const egressIp = '192.0.2.1'
  expect(() => sockets({})).toThrow('sockets egressIp: expected the address')
  expect(() => sockets({ egressIp: '127.0.0.1', udp: { receiveBuffer: -1 } })).toThrow(
    'sockets udp receiveBuffer: expected',
  )
  expect(() => sockets({ egressIp: '127.0.0.1', nameServer: '9.9.9.9' })).toThrow(
    'expected the gateway to have an address of the family',
  )
  expect(() => sockets({ egressIp: '127.0.0.1', nameServer: '2620:fe::fe', gatewayAddress: 'fd00::1' })).toThrow(
    'expected the egress to have an address of the family',
  )
  expect(() => sockets({ egressIp: '127.0.0.1', nameServer: 'dns' })).toThrow(
    'sockets nameServer: expected an IPv4 or IPv6',
  )
  expect(() => sockets({ egressIp, egress: { addresses: [egressIp] } })).toThrow('got both')
  expect(() => sockets({ egressIp: ['192.0.2.1', '192.0.2.2'] })).toThrow('one address of each family')
  expect(() => sockets({ egressIp: 'localhost' })).toThrow('sockets egressIp')
  expect(() => sockets({ egressIp, gatewayAddress: 'x' })).toThrow('sockets gatewayAddress')
  expect(() => sockets({ egressIp, allow: ['x'] })).toThrow('sockets allow')
  expect(() => sockets({ egressIp, dialTimeout: -1 })).toThrow('dialTimeout')
  expect(() => sockets({ egressIp, mtu: 100 })).toThrow('mtu')
  expect(() => sockets({ egressIp, ports: [9, 8] })).toThrow('ports')
  expect(() => sockets({ egressIp, limits: { flows: 0 } })).toThrow(ConfigurationError)
})

test('no packet throws, whatever its bytes, and none is kept', async () => {
  await using rig = await RelayRig.start({ gatewayAddress: ['10.9.0.1', 'fd00::1'], icmpErrors: { perSecond: 10_000 } })
  const random = new SeededRandom(5)
  const seeds = [
    packetFromText('TCP 10.9.0.2:999 > 10.1.2.3:80 SYN'),
    packetFromText('UDP 10.9.0.2:999 > 10.1.2.3:80'),
    packetFromText('ICMP 10.9.0.2 > 10.9.0.1 echo request 7'),
    packetFromText('TCP [2001:db8::2]:999 > [fd00::9]:80 SYN'),
    packetFromText('ICMPv6 fd00::2 > fd00::1 echo request 8'),
    ipv4({ source: '10.9.0.2', destination: '10.1.2.3', id: 9, moreFragments: true }, payload(17, new Uint8Array(64))),
    ipv6({ source: 'fd00::2', destination: 'fd00::1' }, payload(44, new Uint8Array(64))),
  ]
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from(seeds[i % seeds.length] as Uint8Array)
    for (let n = 1 + (random.uint32() % 3); n > 0; n--) bytes[random.uint32() % bytes.length] = random.uint32()
    rig.client.send(bytes)
  }
  expect(rig.running.edges().flatMap(({ drops }) => Object.keys(drops))).not.toContain('layer-threw')
  expect(rig.running.pool.inUse).toBe(0)
})
