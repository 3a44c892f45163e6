import { Batch, ConfigurationError, type IpPacket, PacketPool } from '@millrace/core'
import {
  decodePacket,
  describeBytes,
  icmpError,
  ipv4,
  ipv6,
  LayerRig,
  packetFromText,
  payload,
  pooledPacket,
  runScript,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from '../nat.ts'
import { nat64 } from './nat64.ts'
import type { Nat64Options } from './options.ts'

const prefix = '2001:db8:64::/96'
const start = (options: Partial<Nat64Options> = {}): Promise<LayerRig> =>
  LayerRig.start(nat64({ address: '203.0.113.7', prefix, sessions: 1024, ...options }))

/** 198.51.100.7 behind the prefix. */
const seven = '2001:db8:64::c633:6407'

describe('nat64', () => {
  test('TCP, UDP and echo leave as IPv4, and the answers come back as IPv6', async () => {
    runScript(
      await start(),
      `
      up   UDP [fd00::2]:5000 > [${seven}]:53        => up UDP 203.0.113.7:$u > 198.51.100.7:53
      down UDP 198.51.100.7:53 > 203.0.113.7:$u      => down UDP [${seven}]:53 > [fd00::2]:5000
      up   TCP [fd00::2]:1234 > [${seven}]:80 SYN    => up TCP 203.0.113.7:$t > 198.51.100.7:80 SYN
      down TCP 198.51.100.7:80 > 203.0.113.7:$t SYN ACK => down TCP [${seven}]:80 > [fd00::2]:1234 SYN ACK
      up   TCP [fd00::2]:1234 > [${seven}]:80 ACK    => up TCP 203.0.113.7:$t > 198.51.100.7:80 ACK
      up   ICMPv6 fd00::2 > ${seven} echo request 7  => up ICMP 203.0.113.7 > 198.51.100.7 echo request $i
      down ICMP 198.51.100.7 > 203.0.113.7 echo reply $i => down ICMPv6 ${seven} > fd00::2 echo reply 7
      down UDP 198.51.100.7:54 > 203.0.113.7:$u      => drop no-mapping
      wait 301 s
      down UDP 198.51.100.7:53 > 203.0.113.7:$u      => drop no-mapping`,
    )
  })

  test('hosts inside are told apart by all of their address', async () => {
    runScript(
      await start(),
      `
      up   UDP [fd00::2]:5000 > [${seven}]:53       => up UDP 203.0.113.7:$a > 198.51.100.7:53
      up   UDP [fd00:0:0:1::2]:5000 > [${seven}]:53 => up UDP 203.0.113.7:$b > 198.51.100.7:53
      down UDP 198.51.100.7:53 > 203.0.113.7:$a     => down UDP [${seven}]:53 > [fd00::2]:5000
      down UDP 198.51.100.7:53 > 203.0.113.7:$b     => down UDP [${seven}]:53 > [fd00:0:0:1::2]:5000`,
    )
  })

  test('what is not for it passes as it is', async () => {
    runScript(
      await start(),
      `
      up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up UDP 10.0.0.2:5000 > 198.51.100.7:53
      up   UDP [fd00::2]:5000 > [2001:db8::7]:53    => up UDP [fd00::2]:5000 > [2001:db8::7]:53
      down UDP 198.51.100.7:53 > 10.0.0.2:5000      => down UDP 198.51.100.7:53 > 10.0.0.2:5000
      down UDP [2001:db8::7]:53 > [fd00::2]:5000    => down UDP [2001:db8::7]:53 > [fd00::2]:5000
      down UDP [${seven}]:53 > [fd00::2]:5000       => drop source-in-prefix
      up   UDP [${seven}]:53 > [${seven}]:5000      => drop source-in-prefix
      up   UDP [fe80::2]:53 > [${seven}]:5000       => drop martian-source
      up   UDP [fd00::2]:53 > [2001:db8:64::7f00:1]:53 => drop martian-destination`,
    )
  })

  test('the well-known prefix reaches nothing private, and no private router is heard through it', async () => {
    runScript(
      await start({ prefix: '64:ff9b::/96', address: '9.9.9.9' }),
      `
      up   UDP [fd00::2]:5000 > [64:ff9b::808:808]:53 => up UDP 9.9.9.9:$u > 8.8.8.8:53
      down UDP 8.8.8.8:53 > 9.9.9.9:$u                => down UDP [64:ff9b::808:808]:53 > [fd00::2]:5000
      up   UDP [fd00::2]:5000 > [64:ff9b::a00:1]:53   => drop no-ipv4-address
      up   UDP [fd00::2]:5000 > [64:ff9b::c0a8:1]:53  => drop no-ipv4-address
      down ICMP 10.1.2.3 > 9.9.9.9 11/0 about UDP 9.9.9.9:$u > 8.8.8.8:53 => drop no-ipv6-address`,
    )
  })

  test('hairpinning: two hosts inside reach each other by the outside address', async () => {
    runScript(
      await start({ forwards: [{ protocol: 'udp', port: 4500, to: 'fd00::5', toPort: 4501 }] }),
      `
      up UDP [fd00::2]:5000 > [2001:db8:64::cb00:7107]:4500 => down UDP [2001:db8:64::cb00:7107]:$a > [fd00::5]:4501
      up UDP [fd00::5]:4501 > [2001:db8:64::cb00:7107]:$a => down UDP [2001:db8:64::cb00:7107]:4500 > [fd00::2]:5000`,
    )
  })

  test('port forwards and one-to-one addresses', async () => {
    runScript(
      await start({
        forwards: [{ protocol: 'tcp', port: 443, to: 'fd00::5', toPort: 8443 }],
        staticAddresses: [{ inside: 'fd00::9', outside: '203.0.113.9' }],
      }),
      `
      down TCP 198.51.100.7:1000 > 203.0.113.7:443 SYN => down TCP [${seven}]:1000 > [fd00::5]:8443 SYN
      up   TCP [fd00::5]:8443 > [${seven}]:1000 SYN ACK => up TCP 203.0.113.7:443 > 198.51.100.7:1000 SYN ACK
      down UDP 198.51.100.7:53 > 203.0.113.9:99        => down UDP [${seven}]:53 > [fd00::9]:99
      up   ICMPv6 fd00::9 > ${seven} echo request 7    => up ICMP 203.0.113.9 > 198.51.100.7 echo request 7`,
    )
  })

  test.each([
    ['a shared address', 'fd00::2'],
    ['a one-to-one address', 'fd00::9'],
  ])('small packets of %s have identifications (RFC 7915 §5.1)', async (_what, inside) => {
    const rig = await start({ staticAddresses: [{ inside: 'fd00::9', outside: '203.0.113.9' }] })
    const nextId = (): number => {
      rig.up(packetFromText(`UDP [${inside}]:5000 > [${seven}]:53`))
      const { bytes } = rig.take()[0]!
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      expect(view.getUint16(6)).toBe(0)
      return view.getUint16(4)
    }
    const ids = Array.from({ length: 3 }, nextId)
    expect(ids).toEqual([0, 1, 2].map((i) => (ids[0]! + i) & 0xffff))
    expect(ids).not.toEqual([0, 1, 2])
  })

  test('traffic class, hop limit and "do not fragment" (RFC 7915 §4.1, §5.1)', async () => {
    const rig = await start()
    const up = (bytes: number): Uint8Array => {
      const packet = ipv6(
        { source: 'fd00::2', destination: seven, hopLimit: 9 },
        udpSegment({ sourcePort: 5000, destinationPort: 53 }, new Uint8Array(bytes)),
      )
      packet.set([0x6b, 0x91, 0x23, 0x45])
      rig.up(packet)
      return rig.take()[0]!.bytes
    }
    const small = up(1260 - 28)
    expect([small[1], small[8], small[6]! & 0x40]).toEqual([0xb9, 8, 0])
    const large = up(1261 - 28)
    expect([large[1], large[8], large[6]! & 0x40]).toEqual([0xb9, 8, 0x40])
    const { sourcePort: port } = decodePacket(large)
    rig.down(
      ipv4(
        { source: '198.51.100.7', destination: '203.0.113.7', ttl: 5, tos: 0xb9, dontFragment: true },
        udpSegment({ sourcePort: 53, destinationPort: port! }, 'hello'),
      ),
    )
    const inside = rig.take()[0]!.bytes
    expect(Array.from(inside.subarray(0, 4))).toEqual([0x6b, 0x90, 0, 0])
    expect(decodePacket(inside).ttl).toBe(4)
  })

  test('a spent hop limit is answered, in terms of what was sent', async () => {
    const rig = await start({ gatewayAddress: 'fd00::1' })
    const spent = ipv6(
      { source: 'fd00::2', destination: seven, hopLimit: 1 },
      udpSegment({ sourcePort: 5000, destinationPort: 33434 }, 'traceroute'),
    )
    rig.up(spent)
    const [{ bytes, direction }] = rig.take() as [{ bytes: Uint8Array; direction: string }]
    expect(`${direction} ${describeBytes(bytes)}`).toBe(
      `down ICMPv6 fd00::1 > fd00::2 3/0 about UDP [fd00::2]:5000 > [${seven}]:33434`,
    )
    expect(decodePacket(bytes).quoted).toEqual(spent)
  })

  test('the MSS of a SYN is lowered for a larger header, both ways', async () => {
    const rig = await start({ mtu: 1420 })
    rig.up(
      ipv6(
        { source: 'fd00::2', destination: seven },
        tcpSegment({ sourcePort: 1, destinationPort: 80, flags: 'SYN', mss: 8940 }),
      ),
    )
    const out = decodePacket(rig.take()[0]!.bytes)
    expect(out.mss).toBe(1360)
    rig.down(
      ipv4(
        { source: '198.51.100.7', destination: '203.0.113.7' },
        tcpSegment({ sourcePort: 80, destinationPort: out.sourcePort!, flags: 'SYN ACK', mss: 1460 }),
      ),
    )
    expect(decodePacket(rig.take()[0]!.bytes).mss).toBe(1360)
  })

  test('what is too big for the tunnel: answered if it must not be fragmented, cut if it may', async () => {
    const rig = await start({ mtu: 1280 })
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${seven}]:53`))
    const port = decodePacket(rig.take()[0]!.bytes).sourcePort!
    const big = (dontFragment: boolean, bytes: number): Uint8Array =>
      ipv4(
        { source: '198.51.100.7', destination: '203.0.113.7', dontFragment, id: 0x1234 },
        udpSegment(
          { sourcePort: 53, destinationPort: port },
          Uint8Array.from({ length: bytes }, (_, i) => i),
        ),
      )
    rig.down(big(true, 1260 - 28))
    expect(rig.take()[0]!.bytes.length).toBe(1280)
    rig.down(big(true, 1261 - 28))
    const answer = rig.take()[0]!
    expect([answer.direction, describeBytes(answer.bytes).slice(0, 42), decodePacket(answer.bytes).rest]).toEqual([
      'up',
      'ICMP 203.0.113.7 > 198.51.100.7 3/4 about ',
      1260,
    ])
    rig.down(big(false, 3000 - 28))
    const pieces = rig.take().map(({ bytes }) => bytes)
    expect(pieces.map((piece) => piece.length)).toEqual([1280, 1280, 3000 - 20 - 2 * 1232 + 48])
    const words = pieces.map((piece) => new DataView(piece.buffer).getUint32(40))
    expect(words).toEqual([0x1100_0001, 0x1100_0000 + 1232 + 1, 0x1100_0000 + 2464])
    for (const piece of pieces) {
      expect([piece[6], new DataView(piece.buffer).getUint32(44)]).toEqual([44, 0x1234])
      expect(new DataView(piece.buffer).getUint16(4)).toBe(piece.length - 40)
    }
    const whole = Uint8Array.from(pieces.flatMap((piece) => Array.from(piece.subarray(48))))
    const joined = ipv6({ source: seven, destination: 'fd00::2' }, payload(17, whole))
    expect(describeBytes(joined)).toBe(`UDP [${seven}]:53 > [fd00::2]:5000`)
    expect(rig.pool.inUse).toBe(0)
  })

  test('UDP without a checksum gets one; a fragment of it goes no further', async () => {
    const rig = await start()
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${seven}]:53`))
    const port = decodePacket(rig.take()[0]!.bytes).sourcePort!
    const without = (moreFragments: boolean): Uint8Array =>
      ipv4(
        { source: '198.51.100.7', destination: '203.0.113.7', moreFragments },
        udpSegment({ sourcePort: 53, destinationPort: port, checksum: false }, 'payload!'),
      )
    rig.down(without(false))
    expect(describeBytes(rig.take()[0]!.bytes)).toBe(`UDP [${seven}]:53 > [fd00::2]:5000`)
    rig.down(without(true))
    expect([rig.take(), [...rig.drops.keys()]]).toEqual([[], ['udp-checksum-missing']])
    rig.up(
      ipv6(
        { source: 'fd00::2', destination: seven },
        udpSegment({ sourcePort: 5000, destinationPort: 53, checksum: false }, 'x'),
      ),
    )
    expect(rig.drops.get('udp-checksum-missing')).toBe(2)
  })

  test('other protocols and other ICMP go no further', async () => {
    const rig = await start()
    rig.up(ipv6({ source: 'fd00::2', destination: seven }, payload(47, 'gre-gre-')))
    rig.up(ipv6({ source: 'fd00::2', destination: seven }, icmpError({ type: 135, code: 0 }, new Uint8Array(16))))
    rig.up(ipv6({ source: 'fd00::2', destination: seven }, payload(1, 'icmp-v4!')))
    expect(Object.fromEntries(rig.drops)).toEqual({ 'protocol-not-translated': 2, 'icmp-type-not-translated': 1 })
  })

  test('TCP that belongs to nothing is reset, so that applications connect anew', async () => {
    runScript(
      await start(),
      `up TCP [fd00::2]:1234 > [${seven}]:80 ACK => drop tcp-no-session + down TCP [${seven}]:80 > [fd00::2]:1234 RST`,
    )
  })

  test('nat() behind it serves IPv4, and leaves alone what has been translated', async () => {
    const six = nat64({ address: '203.0.113.8', prefix, decrementTtl: false })
    const four = nat({ address: '203.0.113.7', staticAddresses: [{ inside: '203.0.113.8', outside: '203.0.113.8' }] })
    const rig = await LayerRig.start({
      up: { layer: (host) => six.up.layer(four.up.layer(host)) },
      down: { layer: (wire) => four.down.layer(six.down.layer(wire)) },
      start: (context) => {
        void six.start?.(context)
        void four.start?.(context)
      },
    })
    runScript(
      rig,
      `
      up   UDP [fd00::2]:5000 > [${seven}]:53         => up UDP 203.0.113.8:$a > 198.51.100.7:53
      down UDP 198.51.100.7:53 > 203.0.113.8:$a       => down UDP [${seven}]:53 > [fd00::2]:5000
      up   UDP 10.0.0.2:5000 > 198.51.100.7:53        => up UDP 203.0.113.7:$b > 198.51.100.7:53
      down UDP 198.51.100.7:53 > 203.0.113.7:$b       => down UDP 198.51.100.7:53 > 10.0.0.2:5000
      up   UDP [fd00::2]:5000 > [2001:db8::7]:53      => drop ipv6-not-translated + down ICMPv6 2001:db8::7 > fd00::2 1/1 about UDP [fd00::2]:5000 > [2001:db8::7]:53`,
    )
  })

  test('what is said of sessions has the addresses of both families', async () => {
    const lines: Record<string, unknown>[] = []
    const layer = nat64({ address: '203.0.113.7', prefix, flowLog: (line) => lines.push(JSON.parse(line)) })
    const rig = await LayerRig.start(layer)
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${seven}]:53`))
    const { sourcePort: port } = decodePacket(rig.take()[0]!.bytes)
    expect([...layer.mappings('fd00::2')]).toMatchObject([
      {
        peer: 'fd00::2',
        inside: { address: 'fd00::2', port: 5000 },
        outside: { address: '203.0.113.7', port },
        remote: { address: '198.51.100.7', port: 53 },
      },
    ])
    expect([...layer.mappings('fd00::3')]).toEqual([])
    expect(layer.statistics()!.peers).toEqual([{ peer: 'fd00::2', sessions: 1, ports: 1 }])
    rig.clock.advance(301_000)
    expect(layer.statistics()!.sessions.udp).toBe(0)
    expect(lines).toMatchObject([
      { event: 'open', peer: 'fd00::2', inside: '[fd00::2]:5000', remote: '198.51.100.7:53' },
      { event: 'close', peer: 'fd00::2', inside: '[fd00::2]:5000', outside: `203.0.113.7:${port}` },
    ])
    const dropped = layer.metrics().find(({ name }) => name === 'nat_dropped_packets_total')
    rig.up(packetFromText(`UDP [${seven}]:5000 > [${seven}]:53`))
    const after = layer.metrics().find(({ name }) => name === 'nat_dropped_packets_total')
    const martians = (metric: typeof after): number | undefined =>
      metric?.samples.find(({ labels }) => labels['reason'] === 'martian')?.value
    expect([martians(dropped), martians(after)]).toEqual([0, 1])
  })

  test('peers are pinned by their address or name, and an address is drained', async () => {
    const layer = nat64({
      address: ['203.0.113.7', '203.0.113.8'],
      prefix,
      pick: 'pinned',
      pins: { 'FD00:0::2': '203.0.113.8', alice: '203.0.113.7' },
    })
    const rig = await LayerRig.start(layer)
    const bytes = packetFromText(`UDP [fd00::3]:5000 > [${seven}]:53`)
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${seven}]:53`), { bytes, peer: { name: 'alice' } })
    expect(rig.take().map((output) => decodePacket(output.bytes).source)).toEqual(['203.0.113.8', '203.0.113.7'])
    layer.drain('203.0.113.8')
    rig.up(packetFromText(`UDP [fd00::2]:5001 > [${seven}]:53`))
    expect(rig.drops.get('no-outside-address')).toBe(1)
    expect(rig.take().map((output) => describeBytes(output.bytes))).toEqual([
      `ICMPv6 2001:db8:64::cb00:7107 > fd00::2 1/1 about UDP [fd00::2]:5001 > [${seven}]:53`,
    ])
    expect(() => layer.drain('203.0.113.9')).toThrow('nat64 drain: expected an address of the pool')
  })

  test('addresses that the options name stay, however many there are and whoever comes', async () => {
    const inside = (i: number): string => `fd00:5::${i.toString(16)}`
    const outside = (i: number): string => `192.88.${i >> 8}.${i & 255}`
    const staticAddresses = Array.from({ length: 1500 }, (_, i) => ({ inside: inside(i + 1), outside: outside(i) }))
    const rig = await start({ staticAddresses, sessions: 16 })
    for (let i = 0; i < 3000; i++) rig.up(packetFromText(`UDP [fd00:6::${i.toString(16)}]:5000 > [${seven}]:53`))
    rig.take()
    for (const i of [0, 750, 1499]) {
      rig.down(packetFromText(`UDP 198.51.100.7:53 > ${outside(i)}:9`))
      expect(describeBytes(rig.take()[0]!.bytes)).toBe(`UDP [${seven}]:53 > [${inside(i + 1)}]:9`)
    }
  })

  test('port blocks are logged and listed with IPv6 addresses', async () => {
    const lines: Record<string, unknown>[] = []
    const portBlockLog = (line: string): void => void lines.push(JSON.parse(line))
    const layer = nat64({ address: '203.0.113.7', prefix, portBlocks: { size: 256 }, portBlockLog })
    const rig = await LayerRig.start(layer)
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${seven}]:53`))
    expect(lines).toMatchObject([{ event: 'alloc', peer: 'fd00::2', address: '203.0.113.7' }])
    expect(layer.statistics()!.portBlocks!.inUse).toMatchObject([{ peer: 'fd00::2', address: '203.0.113.7' }])
  })

  test('who has a block that rests is known by its address, whoever comes meanwhile', async () => {
    const lines: Record<string, unknown>[] = []
    const layer = nat64({
      address: '203.0.113.7',
      prefix,
      sessions: 1,
      holdDown: 100_000,
      portBlocks: { size: 256 },
      portBlockLog: (line) => void lines.push(JSON.parse(line)),
    })
    const rig = await LayerRig.start(layer)
    rig.up(packetFromText(`ICMPv6 fd00::2 > ${seven} echo request 7`))
    rig.clock.advance(60_000)
    // One has the only session and a block of its own, and two thousand have nothing.
    for (let i = 0; i < 2000; i++) {
      rig.up(packetFromText(`UDP [fd00:6::${i.toString(16)}]:5000 > [${seven}]:53`))
      rig.take()
    }
    const owners = (): unknown => layer.statistics()!.portBlocks!.inUse.map(({ peer }) => peer)
    expect(owners()).toEqual(['fd00::2', 'fd00:6::'])
    rig.clock.advance(40_000)
    rig.clock.advance(60_000)
    expect(owners()).toEqual(['fd00:6::'])
    expect(lines.map(({ event, peer }) => `${event} ${peer}`)).toEqual([
      'alloc fd00::2',
      'alloc fd00:6::',
      'free fd00::2',
    ])
  })

  test('as many may have blocks as there are blocks', async () => {
    const layer = nat64({ address: '203.0.113.7', prefix, sessions: 1, holdDown: 1e9, portBlocks: { size: 16 } })
    const rig = await LayerRig.start(layer)
    const hosts = Array.from({ length: 1500 }, (_, i) => `fd00:6::${(i + 1).toString(16)}`)
    for (const host of hosts) {
      rig.up(packetFromText(`ICMPv6 ${host} > ${seven} echo request 7`))
      rig.take()
      rig.clock.advance(60_000)
    }
    expect(layer.statistics()!.portBlocks!.inUse.map(({ peer }) => peer)).toEqual(hosts)
  })

  test('nothing passes before start', () => {
    const layer = nat64({ address: '203.0.113.7' })
    expect([layer.statistics(), layer.metrics(), [...layer.mappings()]]).toEqual([undefined, [], []])
    const dropped: string[] = []
    const batch = new Batch<IpPacket>()
    batch.drops = { count: (reason) => dropped.push(reason) }
    const packet = pooledPacket(new PacketPool({ slots: 1 }), packetFromText('UDP 10.0.0.2:1 > 10.0.0.3:2'))
    batch.push(packet)
    layer.up.layer({ serve: (served) => expect(served.length).toBe(0) }).serve(batch)
    expect(dropped).toEqual(['nat-not-started'])
  })

  test.each([
    [{ prefix: '2001:db8::/33' }, 'nat64 prefix: expected an IPv6 prefix of length'],
    [{ mtu: 1279 }, 'nat64 mtu: expected a whole number from 1280 to 65535, got 1279'],
    [{ address: 'fd00::1' }, 'nat64 address: expected an IPv4 address'],
    [{ gatewayAddress: '10.0.0.1' }, 'nat64 gatewayAddress: expected an IPv6 address, got "10.0.0.1"'],
    [{ forwards: [{ protocol: 'tcp', port: 1, to: '10.0.0.1' }] }, 'nat64 forwards.to: expected an IPv6 address'],
    [{ staticAddresses: [{ inside: 'ff02::1', outside: '203.0.113.9' }] }, 'expected the address of a host'],
    [{ pins: { alice: '203.0.113.9' } }, 'nat64 pins: expected an address of the pool'],
    [{ sessions: 0 }, 'nat64 sessions: expected a whole number'],
  ] as [Partial<Nat64Options>, string][])('%j is refused', (options, message) => {
    expect(() => nat64({ address: '203.0.113.7', ...options })).toThrow(ConfigurationError)
    expect(() => nat64({ address: '203.0.113.7', ...options })).toThrow(message)
  })
})
