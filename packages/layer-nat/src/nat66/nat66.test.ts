import { ConfigurationError } from '@millrace/core'
import {
  decodePacket,
  describeBytes,
  icmpEcho,
  icmpError,
  ipv6,
  LayerRig,
  packetFromText,
  runScript,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { IcmpHead } from '../siit/icmp-codec.ts'
import { ThereAndBack } from './icmp.ts'
import { nat66 } from './nat66.ts'
import type { Nat66Options } from './options.ts'

const start = (options: Partial<Nat66Options> = {}): Promise<LayerRig> =>
  LayerRig.start(nat66({ address: '2001:db8::7', sessions: 1024, ...options }))

const remote = '2001:db8:9::7'

describe('nat66', () => {
  test('TCP, UDP and echo of all hosts leave under one address, and the answers find back', async () => {
    runScript(
      await start(),
      `
      up   UDP [fd00::2]:5000 > [${remote}]:53         => up UDP [2001:db8::7]:$a > [${remote}]:53
      up   UDP [fd00::3]:5000 > [${remote}]:53         => up UDP [2001:db8::7]:$b > [${remote}]:53
      down UDP [${remote}]:53 > [2001:db8::7]:$a       => down UDP [${remote}]:53 > [fd00::2]:5000
      down UDP [${remote}]:53 > [2001:db8::7]:$b       => down UDP [${remote}]:53 > [fd00::3]:5000
      down UDP [${remote}]:54 > [2001:db8::7]:$a       => drop no-mapping
      down UDP [2001:db8:9::8]:53 > [2001:db8::7]:$a   => drop no-mapping
      up   TCP [fd00::2]:1234 > [${remote}]:80 SYN     => up TCP [2001:db8::7]:$t > [${remote}]:80 SYN
      down TCP [${remote}]:80 > [2001:db8::7]:$t SYN ACK => down TCP [${remote}]:80 > [fd00::2]:1234 SYN ACK
      up   ICMPv6 fd00::2 > ${remote} echo request 7   => up ICMPv6 2001:db8::7 > ${remote} echo request $i
      down ICMPv6 ${remote} > 2001:db8::7 echo reply $i => down ICMPv6 ${remote} > fd00::2 echo reply 7
      wait 301 s
      down UDP [${remote}]:53 > [2001:db8::7]:$a       => drop no-mapping`,
    )
  })

  test('IPv4 passes as it is, and IPv6 that is for nobody goes no further', async () => {
    runScript(
      await start(),
      `
      up   UDP 10.0.0.2:5000 > 198.51.100.7:53         => up UDP 10.0.0.2:5000 > 198.51.100.7:53
      down UDP 198.51.100.7:53 > 10.0.0.2:5000         => down UDP 198.51.100.7:53 > 10.0.0.2:5000
      down UDP [${remote}]:53 > [fd00::2]:5000         => drop not-nat-address
      up   TCP [fd00::2]:1234 > [${remote}]:80 ACK     => drop tcp-no-session + down TCP [${remote}]:80 > [fd00::2]:1234 RST
      up   UDP [2001:db8::7]:53 > [${remote}]:5000     => drop source-is-nat-address
      up   UDP [fe80::2]:53 > [${remote}]:5000         => drop martian-source
      up   UDP [fd00::2]:53 > [ff02::1]:5000           => drop martian-destination`,
    )
  })

  test('errors reach whom they are about, whatever their code, and those of the inside get out', async () => {
    runScript(
      await start(),
      `
      up   UDP [fd00::2]:5000 > [${remote}]:53 => up UDP [2001:db8::7]:$a > [${remote}]:53
      down ICMPv6 2001:db8:5::1 > 2001:db8::7 3/0 about UDP [2001:db8::7]:$a > [${remote}]:53 => down ICMPv6 2001:db8:5::1 > fd00::2 3/0 about UDP [fd00::2]:5000 > [${remote}]:53
      down ICMPv6 2001:db8:5::1 > 2001:db8::7 1/5 about UDP [2001:db8::7]:$a > [${remote}]:53 => down ICMPv6 2001:db8:5::1 > fd00::2 1/5 about UDP [fd00::2]:5000 > [${remote}]:53
      down ICMPv6 2001:db8:5::1 > 2001:db8::7 1/1 about UDP [2001:db8::7]:$a > [${remote}]:54 => drop icmp-error-no-session
      down ICMPv6 2001:db8:5::1 > 2001:db8::7 1/1 about UDP [2001:db8::7]:$a > [2001:db8:9::9]:53 => drop icmp-error-no-session
      up   ICMPv6 fd00::2 > ${remote} 1/4 about UDP [${remote}]:53 > [fd00::2]:5000 => up ICMPv6 2001:db8::7 > ${remote} 1/4 about UDP [${remote}]:53 > [2001:db8::7]:$a`,
    )
  })

  test.each([
    [2, 0, 1300],
    [2, 0, 65_535],
    [4, 0, 255],
    [4, 2, 6],
    [3, 1, 0],
  ])('an error %i/%i with %i is the same inside', async (type, code, rest) => {
    const rig = await start()
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${remote}]:53`))
    const sent = rig.take()[0]!.bytes
    rig.down(ipv6({ source: '2001:db8:5::1', destination: '2001:db8::7' }, icmpError({ type, code, rest }, sent)))
    expect(decodePacket(rig.take()[0]!.bytes)).toMatchObject({ type, code, rest, destination: 'fd00::2' })
  })

  test('what it says itself: port unreachable to the outside, prohibited to the inside', async () => {
    const rig = await start({ unsolicitedSyn: 'port-unreachable', sessionsPerPeer: 1 })
    rig.down(packetFromText(`TCP [${remote}]:1000 > [2001:db8::7]:80 SYN`))
    rig.clock.advance(6000)
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${remote}]:53`), packetFromText(`UDP [fd00::2]:5001 > [${remote}]:53`))
    expect(rig.take().map(({ bytes, direction }) => `${direction} ${describeBytes(bytes)}`)).toEqual([
      `up ICMPv6 2001:db8::7 > ${remote} 1/4 about TCP [${remote}]:1000 > [2001:db8::7]:80 SYN`,
      expect.stringContaining('up UDP [2001:db8::7]:'),
      `down ICMPv6 2001:db8::7 > fd00::2 1/1 about UDP [fd00::2]:5001 > [${remote}]:53`,
    ])
    // Nothing else has a code of ICMP here.
    const own = (code: number): boolean => new ThereAndBack().toIpv6(Object.assign(new IcmpHead(), { type: 3, code }))
    expect([3, 13, 0, 1, 2].map(own)).toEqual([true, true, false, false, false])
  })

  test('an error whose pointer is above 255 goes no further', async () => {
    const rig = await start()
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${remote}]:53`))
    const error = icmpError({ type: 4, code: 0, rest: 256 }, rig.take()[0]!.bytes)
    rig.down(ipv6({ source: '2001:db8:5::1', destination: '2001:db8::7' }, error))
    expect([rig.take(), rig.drops.size]).toEqual([[], 1])
  })

  test('hairpinning, port forwards, one-to-one and identity', async () => {
    runScript(
      await start({
        forwards: [{ protocol: 'udp', port: 4500, to: 'fd00::5', toPort: 4501 }],
        staticAddresses: [
          { inside: 'fd00::9', outside: '2001:db8::9' },
          { inside: '2001:db8::a', outside: '2001:db8::a' },
        ],
      }),
      `
      down UDP [${remote}]:53 > [2001:db8::7]:4500      => down UDP [${remote}]:53 > [fd00::5]:4501
      up   UDP [fd00::2]:5000 > [2001:db8::7]:4500      => down UDP [2001:db8::7]:$a > [fd00::5]:4501
      up   UDP [fd00::5]:4501 > [2001:db8::7]:$a        => down UDP [2001:db8::7]:4500 > [fd00::2]:5000
      down TCP [${remote}]:1 > [2001:db8::9]:22 SYN     => down TCP [${remote}]:1 > [fd00::9]:22 SYN
      up   TCP [2001:db8::a]:1 > [${remote}]:22 SYN     => up TCP [2001:db8::a]:1 > [${remote}]:22 SYN`,
    )
  })

  test('a pool: pinned by address or name, drained by address', async () => {
    const layer = nat66({
      address: ['2001:db8::7', '2001:DB8::8'],
      pick: 'pinned',
      pins: { 'fd00:0::2': '2001:db8:0::8', alice: '2001:db8::7' },
    })
    const rig = await LayerRig.start(layer)
    const packet = packetFromText(`UDP [fd00::2]:5000 > [${remote}]:53`)
    rig.up(packet, { bytes: packetFromText(`UDP [fd00::3]:5000 > [${remote}]:53`), peer: { name: 'alice' } })
    expect(rig.take().map(({ bytes }) => decodePacket(bytes).source)).toEqual(['2001:db8::8', '2001:db8::7'])
    layer.drain('2001:db8::8')
    rig.up(packetFromText(`UDP [fd00::2]:5001 > [${remote}]:53`))
    expect(rig.take().map(({ bytes }) => describeBytes(bytes))).toEqual([
      `ICMPv6 2001:db8::7 > fd00::2 1/1 about UDP [fd00::2]:5001 > [${remote}]:53`,
    ])
  })

  test('hop limit, MSS and size: as a router of the tunnel has them', async () => {
    const rig = await start({ gatewayAddress: 'fd00::1', mtu: 1400 })
    const spent = ipv6(
      { source: 'fd00::2', destination: remote, hopLimit: 1 },
      udpSegment({ sourcePort: 5000, destinationPort: 33434 }, 'traceroute'),
    )
    rig.up(spent)
    const answer = rig.take()[0]!.bytes
    expect(describeBytes(answer)).toBe(`ICMPv6 fd00::1 > fd00::2 3/0 about UDP [fd00::2]:5000 > [${remote}]:33434`)
    expect(decodePacket(answer).quoted).toEqual(spent)
    rig.up(
      ipv6(
        { source: 'fd00::2', destination: remote },
        tcpSegment({ sourcePort: 1, destinationPort: 80, flags: 'SYN', mss: 8940 }),
      ),
    )
    const syn = decodePacket(rig.take()[0]!.bytes)
    expect([syn.mss, syn.ttl]).toEqual([1340, 63])
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${remote}]:53`))
    const port = decodePacket(rig.take()[0]!.bytes).sourcePort!
    const down = (bytes: number): void =>
      rig.down(
        ipv6(
          { source: remote, destination: '2001:db8::7' },
          udpSegment({ sourcePort: 53, destinationPort: port }, new Uint8Array(bytes)),
        ),
      )
    down(1400 - 48)
    expect(rig.take()[0]!.bytes.length).toBe(1400)
    down(1401 - 48)
    const tooBig = rig.take()[0]!
    const { type, rest, source, destination } = decodePacket(tooBig.bytes)
    expect([tooBig.direction, type, rest, source, destination]).toEqual(['up', 2, 1400, '2001:db8::7', remote])
  })

  test('what is said of sessions has IPv6 addresses throughout', async () => {
    const lines: Record<string, unknown>[] = []
    const layer = nat66({ address: '2001:db8::7', flowLog: (line) => lines.push(JSON.parse(line)) })
    const rig = await LayerRig.start(layer)
    rig.up(packetFromText(`UDP [fd00::2]:5000 > [${remote}]:53`))
    const { sourcePort: port } = decodePacket(rig.take()[0]!.bytes)
    expect([...layer.mappings('fd00::2')]).toMatchObject([
      {
        inside: { address: 'fd00::2', port: 5000 },
        outside: { address: '2001:db8::7', port },
        remote: { address: remote, port: 53 },
      },
    ])
    expect(lines).toMatchObject([
      { peer: 'fd00::2', inside: '[fd00::2]:5000', outside: `[2001:db8::7]:${port}`, remote: `[${remote}]:53` },
    ])
    const flows = layer.metrics().find(({ name }) => name === 'egress_flows_active')
    expect(flows?.samples.filter(({ value }) => value > 0)).toEqual([
      { labels: { proto: 'udp', egress_ip: '2001:db8::7' }, value: 1 },
    ])
  })

  test('fragments: of UDP and of echo, in any order', async () => {
    const rig = await start()
    for (const transport of [
      udpSegment({ sourcePort: 5000, destinationPort: 53 }, new Uint8Array(100).fill(7)),
      icmpEcho({ type: 'request', identifier: 7 }, new Uint8Array(100).fill(7)),
    ]) {
      const whole = ipv6({ source: 'fd00::2', destination: remote }, transport)
      const [first, second] = [cut(whole, 0, 48), cut(whole, 48, 108)]
      for (const order of [
        [first, second],
        [second, first],
      ]) {
        rig.up(...order)
        const out = rig.take().map(({ bytes }) => bytes)
        expect(out.length).toBe(2)
        out.sort((a, b) => (a[43]! & 0xf8) - (b[43]! & 0xf8))
        const joined = Uint8Array.from([...out[0]!.subarray(0, 40), ...out[0]!.subarray(48), ...out[1]!.subarray(48)])
        joined[6] = out[0]![40]!
        new DataView(joined.buffer).setUint16(4, joined.length - 40)
        expect(decodePacket(joined)).toMatchObject({ source: '2001:db8::7', destination: remote })
        expect(out[0]!.subarray(44, 48)).toEqual(out[1]!.subarray(44, 48))
      }
    }
    expect([rig.pool.inUse, rig.drops.size]).toEqual([0, 0])
  })

  test.each([
    [{ address: '203.0.113.7' }, 'nat66 address: expected an IPv6 address, got "203.0.113.7"'],
    [{ address: ['2001:db8::7', '2001:db8:0::7'] }, 'nat66 address: expected each once, got "2001:db8::7" twice'],
    [{ address: [] }, 'nat66 address: expected'],
    [{ mtu: 1279 }, 'nat66 mtu: expected a whole number from 1280'],
    [{ gatewayAddress: 'ff02::1' }, 'nat66 gatewayAddress: expected the address of a host'],
    [{ pins: { alice: '2001:db8::8' } }, 'nat66 pins: expected an address of the pool for "alice", got "2001:db8::8"'],
    [{ ports: [0, 1] }, 'nat66 ports: expected a whole number'],
  ] as [Partial<Nat66Options>, string][])('%j is refused', (options, message) => {
    expect(() => nat66({ address: '2001:db8::7', ...options })).toThrow(ConfigurationError)
    expect(() => nat66({ address: '2001:db8::7', ...options })).toThrow(message)
  })
})

let id = 0

/** Bytes `from` to `to` - 1 of what the IPv6 packet carries, as a fragment of it. */
function cut(whole: Uint8Array, from: number, to: number): Uint8Array {
  const last = to >= whole.length - 40
  if (from === 0) id++
  const header = [whole[6]!, 0, from >> 8, (from & 0xf8) | (last ? 0 : 1), 0, 0, 0, id]
  const bytes = Uint8Array.from([...whole.subarray(0, 40), ...header, ...whole.subarray(40 + from, 40 + to)])
  bytes[6] = 44
  new DataView(bytes.buffer).setUint16(4, bytes.length - 40)
  return bytes
}
