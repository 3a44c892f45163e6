import { type IpPacket, stack } from '@millrace/core'
import {
  decodePacket,
  describeBytes,
  ipv4,
  LayerRig,
  MemoryHost,
  packetFromText,
  payload,
  runScript,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'

const inside = { source: '10.0.0.2', destination: '198.51.100.7' }
const outside = { source: '198.51.100.7', destination: '203.0.113.7' }
const start = (options: Partial<NatOptions> = {}): Promise<LayerRig> =>
  LayerRig.start(nat({ address: '203.0.113.7', gatewayAddress: '10.0.0.1', ...options }))

describe('nat', () => {
  test.each([
    [
      'UDP there and back',
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53
       down UDP 198.51.100.7:53 > 203.0.113.7:$a     => down UDP 198.51.100.7:53 > 10.0.0.2:5000`,
    ],
    [
      'UDP ports are mapped endpoint-independently, and each inside endpoint has its own',
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53
       up   UDP 10.0.0.2:5000 > 192.0.2.8:3478       => up   UDP 203.0.113.7:$a > 192.0.2.8:3478
       up   UDP 10.0.0.3:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$b > 198.51.100.7:53
       down UDP 192.0.2.8:3478 > 203.0.113.7:$a      => down UDP 192.0.2.8:3478 > 10.0.0.2:5000
       down UDP 198.51.100.7:53 > 203.0.113.7:$b     => down UDP 198.51.100.7:53 > 10.0.0.3:5000`,
    ],
    [
      'only who was spoken to may answer: filtering is address- and port-dependent',
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53
       down UDP 198.51.100.7:54 > 203.0.113.7:$a     => drop no-mapping
       down UDP 198.51.100.8:53 > 203.0.113.7:$a     => drop no-mapping
       down TCP 198.51.100.7:53 > 203.0.113.7:$a SYN => drop no-mapping
       down UDP 198.51.100.7:53 > 203.0.113.7:80     => drop no-mapping`,
    ],
    [
      'ICMP echo, by identifier',
      `up   ICMP 10.0.0.2 > 198.51.100.7 echo request 7     => up   ICMP 203.0.113.7 > 198.51.100.7 echo request $a
       up   ICMP 10.0.0.3 > 198.51.100.7 echo request 7     => up   ICMP 203.0.113.7 > 198.51.100.7 echo request $b
       down ICMP 198.51.100.7 > 203.0.113.7 echo reply $a   => down ICMP 198.51.100.7 > 10.0.0.2 echo reply 7
       down ICMP 198.51.100.7 > 203.0.113.7 echo reply $b   => down ICMP 198.51.100.7 > 10.0.0.3 echo reply 7
       down ICMP 198.51.100.8 > 203.0.113.7 echo reply $a   => drop no-mapping
       down ICMP 198.51.100.7 > 203.0.113.7 echo request $a => drop no-mapping
       up   ICMP 10.0.0.2 > 198.51.100.7 echo reply 7       => drop icmp-type-not-translated`,
    ],
    [
      'UDP lives for 5 minutes after the last packet from the inside, whatever comes from the outside',
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53
       wait 200 s
       up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53
       wait 299 s
       down UDP 198.51.100.7:53 > 203.0.113.7:$a     => down UDP 198.51.100.7:53 > 10.0.0.2:5000
       wait 1 s
       down UDP 198.51.100.7:53 > 203.0.113.7:$a     => drop no-mapping`,
    ],
    [
      'one session of an endpoint keeps its port for the others',
      `up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53
       wait 299 s
       up   UDP 10.0.0.2:5000 > 192.0.2.8:3478       => up   UDP 203.0.113.7:$a > 192.0.2.8:3478
       wait 2 s
       down UDP 198.51.100.7:53 > 203.0.113.7:$a     => drop no-mapping
       up   UDP 10.0.0.2:5000 > 198.51.100.7:53      => up   UDP 203.0.113.7:$a > 198.51.100.7:53`,
    ],
    [
      'ICMP echo lives for a minute',
      `up   ICMP 10.0.0.2 > 198.51.100.7 echo request 7     => up   ICMP 203.0.113.7 > 198.51.100.7 echo request $a
       wait 59 s
       down ICMP 198.51.100.7 > 203.0.113.7 echo reply $a   => down ICMP 198.51.100.7 > 10.0.0.2 echo reply 7
       wait 1 s
       down ICMP 198.51.100.7 > 203.0.113.7 echo reply $a   => drop no-mapping`,
    ],
    [
      'what does not belong here is dropped by name',
      `up   UDP 203.0.113.7:5000 > 198.51.100.7:53   => drop source-is-nat-address
       up   UDP 127.0.0.1:5000 > 198.51.100.7:53     => drop martian-source
       up   UDP 0.0.0.0:68 > 198.51.100.7:67         => drop martian-source
       up   UDP 10.0.0.2:5000 > 203.0.113.7:53       => drop no-mapping
       up   UDP 10.0.0.2:5000 > 0.0.0.1:53           => drop martian-destination
       up   UDP 10.0.0.2:5000 > 127.0.0.1:53         => drop martian-destination
       up   UDP 10.0.0.2:5000 > 169.254.169.254:80   => drop martian-destination
       up   UDP 10.0.0.2:5000 > 224.0.0.251:5353     => drop martian-destination
       up   UDP 10.0.0.2:5000 > 255.255.255.255:67   => drop martian-destination
       down UDP 198.51.100.7:53 > 203.0.113.8:5000   => drop not-nat-address
       down UDP 198.51.100.7:53 > 10.0.0.2:5000      => drop not-nat-address
       down UDP [2001:db8::7]:53 > [fd00::2]:5000    => drop ipv6-not-translated`,
    ],
  ])('%s', async (_name, script) => {
    const rig = await start()
    runScript(rig, script)
    expect(rig.pool.inUse).toBe(0)
  })

  test('IPv6 never leaks, and its sender is told', async () => {
    runScript(
      await start(),
      'up UDP [fd00::2]:5000 > [2001:db8::7]:53 => drop ipv6-not-translated + down ICMPv6 2001:db8::7 > fd00::2 1/1 about UDP [fd00::2]:5000 > [2001:db8::7]:53',
    )
  })

  test('IPv6 passes as it is where it is told to, and IPv4 is translated all the same', async () => {
    runScript(
      await start({ ipv6: 'pass' }),
      `up   UDP [fd00::2]:5000 > [2001:db8::7]:53 => up UDP [fd00::2]:5000 > [2001:db8::7]:53
       down UDP [2001:db8::7]:53 > [fd00::2]:5000 => down UDP [2001:db8::7]:53 > [fd00::2]:5000
       down UDP 198.51.100.7:53 > 203.0.113.8:5000 => drop not-nat-address`,
    )
  })

  test('an unknown protocol is dropped, and its sender is told', async () => {
    const rig = await start()
    rig.up(ipv4(inside, payload(47, 'GRE header and all')))
    rig.down(ipv4(outside, payload(47, 'GRE header and all')))
    expect(rig.drops).toEqual(new Map([['protocol-not-translated', 2]]))
    expect(rig.take().map(({ bytes }) => describeBytes(bytes))).toEqual([
      'ICMP 10.0.0.1 > 10.0.0.2 3/13 about 47 10.0.0.2 > 198.51.100.7',
    ])
  })

  test('headers cut short are dropped, both ways', async () => {
    const rig = await start()
    for (const [way, addresses] of [
      ['up', inside],
      ['down', outside],
    ] as const) {
      rig[way](ipv4(addresses, payload(17, '1234567')), ipv4(addresses, payload(6, '1234567890123456789')))
      for (const words of [0, 4, 6, 15]) {
        const lying = ipv4(addresses, tcpSegment({ sourcePort: 1, destinationPort: 2, flags: 'SYN' }))
        lying[32] = words << 4
        rig[way](lying)
      }
    }
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(
      new Map([
        ['transport-truncated', 4],
        ['tcp-header-invalid', 8],
      ]),
    )
  })

  test('UDP without a checksum stays without one', async () => {
    const rig = await start()
    rig.up(ipv4(inside, udpSegment({ sourcePort: 5000, destinationPort: 53, checksum: false }, 'data')))
    const [sent] = rig.take()
    expect(Array.from(sent!.bytes.slice(26, 28))).toEqual([0, 0])
    rig.down(
      ipv4(
        outside,
        udpSegment({ sourcePort: 53, destinationPort: decodePacket(sent!.bytes).sourcePort!, checksum: false }),
      ),
    )
    expect(Array.from(rig.take()[0]!.bytes.slice(26, 28))).toEqual([0, 0])
  })

  test('a UDP checksum that becomes 0 is written as 0xffff', async () => {
    const rig = await start()
    const fields = { sourcePort: 5000, destinationPort: 53 }
    rig.up(ipv4(inside, udpSegment(fields, Uint8Array.of(0, 0))))
    const first = rig.take()[0]!.bytes
    const checksum = first[26]! * 256 + first[27]!
    // The payload that makes up for the rest: with it the sum is 0xffff, and its complement 0.
    rig.up(ipv4(inside, udpSegment(fields, Uint8Array.of(checksum >> 8, checksum & 0xff))))
    const second = rig.take()[0]!.bytes
    expect(Array.from(second.slice(26, 28))).toEqual([0xff, 0xff])
    decodePacket(second)
  })

  test('IP options are passed over', async () => {
    const rig = await start()
    const options = new Uint8Array(8).fill(1)
    rig.up(ipv4({ ...inside, options }, tcpSegment({ sourcePort: 5000, destinationPort: 80, flags: 'SYN' })))
    expect(describeBytes(rig.take()[0]!.bytes)).toMatch(/^TCP 203\.0\.113\.7:\d+ > 198\.51\.100\.7:80 SYN$/)
  })

  test('works in a stack', async () => {
    const received: string[] = []
    const host = new MemoryHost({ receive: (bytes) => received.push(describeBytes(bytes)) })
    const wire = new MemoryHost({ name: 'wire', receive: (bytes) => received.push(describeBytes(bytes)) })
    await using running = await stack<IpPacket>(wire)
      .layer(nat({ address: '203.0.113.7' }))
      .end(host)
      .start()
    wire.send(packetFromText('UDP 10.0.0.2:5000 > 198.51.100.7:53'))
    const port = /:(\d+) >/.exec(received[0] ?? '')?.[1]
    host.send(packetFromText(`UDP 198.51.100.7:53 > 203.0.113.7:${port}`))
    host.send(packetFromText('UDP 198.51.100.7:53 > 203.0.113.7:1'))
    expect(received).toEqual([`UDP 203.0.113.7:${port} > 198.51.100.7:53`, 'UDP 198.51.100.7:53 > 10.0.0.2:5000'])
    expect(running.drops()).toEqual([{ line: 'nat', reason: 'no-mapping', packets: 1 }])
    expect(running.pool.inUse).toBe(0)
  })
})
