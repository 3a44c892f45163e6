import {
  decodePacket,
  describeBytes,
  icmpEcho,
  icmpError,
  ipv4,
  LayerRig,
  type RigOutput,
  runScript,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'
import { cut, join } from './test-support/cut.ts'
import { cases, NAT } from './test-support/vpp-cases.ts'

// The cases of VPP's suites for NAT44-ED and NAT44-EI that apply here, by their names there. docs/nat.md lists the others.

const start = (options: Partial<NatOptions> = {}): Promise<LayerRig> =>
  LayerRig.start(nat({ address: NAT, ...options }))
describe("VPP's cases", () => {
  test.each(Object.keys(cases))('%s', async (name) => {
    const [options, script] = cases[name]!
    const rig = await start(options)
    runScript(rig, script)
    expect(rig.pool.inUse).toBe(0)
  })

  const data = Uint8Array.from({ length: 2900 }, (_, i) => i)
  const ways = { frag_in_order: [0, 1, 2], frag_out_of_order: [2, 0, 1] }
  test.each(Object.entries(ways))('%s, and its _in_plus_out: TCP, UDP and ICMP', async (_name, order) => {
    const forwards = (['tcp', 'udp'] as const).map((protocol) => ({ protocol, port: 80, to: '10.0.0.3', toPort: 8080 }))
    const rig = await start({ forwards })
    const inward = { source: '198.51.100.7', destination: NAT, id: 9 }
    const outward = { source: '10.0.0.2', destination: '198.51.100.7', id: 9 }
    for (const [fields, transport] of [
      [outward, tcpSegment({ sourcePort: 5, destinationPort: 80, flags: 'SYN' }, data)],
      [outward, udpSegment({ sourcePort: 5, destinationPort: 80 }, data)],
      [outward, icmpEcho({ type: 'request', identifier: 5 }, data)],
      [inward, tcpSegment({ sourcePort: 5, destinationPort: 80, flags: 'SYN' }, data)],
      [inward, udpSegment({ sourcePort: 5, destinationPort: 80 }, data)],
    ] as const) {
      const fragments = cut(ipv4(fields, transport), 1100)
      for (const i of order) rig[fields === outward ? 'up' : 'down'](fragments[i]!)
      const packet = join(rig.take().map(({ bytes }) => bytes))
      expect(packet.payload).toEqual(data)
      expect(fields === outward ? packet.source : packet.destination).toBe(fields === outward ? NAT : '10.0.0.3')
    }
    expect(rig.drops.size).toBe(0)
  })

  test('icmp_echo_reply_trailer: padding of the link goes no further', async () => {
    const rig = await start()
    rig.up(ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, icmpEcho({ type: 'request', identifier: 7 })))
    const identifier = decodePacket(rig.take()[0]!.bytes).identifier as number
    const reply = ipv4({ source: '198.51.100.7', destination: NAT }, icmpEcho({ type: 'reply', identifier }))
    rig.down(Uint8Array.from([...reply, ...new Array<number>(18).fill(0xee)]))
    expect(rig.take()[0]!.bytes.length).toBe(reply.length)
  })

  test('users_dump, show_max_translations, outside_address_distribution', async () => {
    const layer = nat({ address: ['203.0.113.1', '203.0.113.2'], sessions: 500, secret: 'x' })
    const rig = await LayerRig.start(layer)
    for (let host = 1; host <= 40; host++) {
      rig.up(
        ipv4(
          { source: `10.0.0.${host}`, destination: '198.51.100.7' },
          udpSegment({ sourcePort: 1, destinationPort: 2 }),
        ),
      )
    }
    const used = rig.take().map(({ bytes }) => decodePacket(bytes).source)
    for (const address of ['203.0.113.1', '203.0.113.2']) {
      expect(used.filter((one) => one === address).length).toBeGreaterThan(8)
    }
    expect(layer.statistics()).toMatchObject({ capacity: 500, sessions: { udp: 40 } })
    expect(layer.statistics()?.peers.length).toBe(40)
  })

  // Ours is the hop where 1 ends; where 2 ends it is the next one's error, and that finds back as well.
  test.each([
    ['in2out_ttl_1', 'up', 1, 'down ICMP $gateway > 10.0.0.2 11/0 about UDP 10.0.0.2:1234 > 198.51.100.7:80'],
    ['out2in_ttl_1', 'down', 1, 'up ICMP $nat > 198.51.100.7 11/0 about UDP 198.51.100.7:80 > $nat:$a'],
    ['in2out_ttl_2', 'up', 2, 'down ICMP 192.0.2.9 > 10.0.0.2 11/0 about UDP 10.0.0.2:1234 > 198.51.100.7:80'],
    ['out2in_ttl_2', 'down', 2, 'up ICMP $nat > 198.51.100.7 11/0 about UDP 198.51.100.7:80 > $nat:$a'],
  ] as const)('dynamic_icmp_errors_%s', async (_name, direction, ttl, expected) => {
    const gateway = '10.0.0.1'
    const rig = await start({ gatewayAddress: gateway })
    const known = runScript(rig, `up UDP 10.0.0.2:1234 > 198.51.100.7:80 => up UDP ${NAT}:$a > 198.51.100.7:80`)
    const port = Number(known.get('$a'))
    const [inside, outside] = [{ source: '10.0.0.2' }, { source: '198.51.100.7' }]
    if (direction === 'up') {
      const udp = udpSegment({ sourcePort: 1234, destinationPort: 80 }, 'payload')
      rig.up(ipv4({ ...inside, destination: '198.51.100.7', ttl }, udp))
    } else {
      const udp = udpSegment({ sourcePort: 80, destinationPort: port }, 'payload')
      rig.down(ipv4({ ...outside, destination: NAT, ttl }, udp))
    }
    if (ttl === 2) {
      const [{ bytes }] = rig.take() as [RigOutput]
      expect(decodePacket(bytes).ttl).toBe(1)
      const error = icmpError({ type: 11, code: 0 }, bytes)
      if (direction === 'up') rig.down(ipv4({ source: '192.0.2.9', destination: NAT }, error))
      else rig.up(ipv4({ ...inside, destination: '198.51.100.7' }, error))
    }
    expect(rig.take().map((output) => `${output.direction} ${describeBytes(output.bytes)}`)).toEqual([
      expected.replaceAll('$nat', NAT).replace('$gateway', gateway).replace('$a', `${port}`),
    ])
  })
})
