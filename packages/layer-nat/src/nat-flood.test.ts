import { asIpPacket, Batch, type IpPacket, PacketPool, parseIp } from '@millrace/core'
import {
  icmpEcho,
  icmpError,
  ipv4,
  ipv6,
  LayerRig,
  payload,
  SeededRandom,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'

const inside = { source: '10.0.0.2', destination: '198.51.100.7' }
const outside = { source: '198.51.100.7', destination: '203.0.113.7' }
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'payload')

describe('nat under fire', () => {
  test('100,000 flows from everywhere take no more than the table has', async () => {
    const sessions = 4096
    const layer = nat({ address: '203.0.113.7', sessions, sessionsPerPeer: sessions })
    const rig = await LayerRig.start(layer)
    const service = layer.up.layer({ serve() {} })
    const random = new SeededRandom(7)
    const templates = [
      ipv4(inside, udp),
      ipv4(inside, tcpSegment({ sourcePort: 5000, destinationPort: 80, flags: 'SYN' })),
      ipv4(inside, icmpEcho({ type: 'request', identifier: 1 })),
    ]
    const packet = rig.pool.acquire(100)!
    const batch = new Batch<IpPacket>()
    for (let i = 0; i < 100_000; i++) {
      const bytes = templates[i % 3]!
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.view.setUint16(packet.offset + 14, random.uint32())
      packet.view.setUint16(packet.offset + (i % 3 === 2 ? 24 : 20), random.uint32())
      parseIp(packet)
      batch.clear()
      batch.push(asIpPacket(packet))
      service.serve(batch)
      // Now and then some expire, so that the table is emptied and filled many times over.
      if (i % 500 === 0) rig.clock.advance(20_000)
    }
    packet.release()
    const { sessions: counts, peers, refused } = layer.statistics()!
    const { udp: udpSessions, icmp, tcpOpening, tcpEstablished, tcpClosing } = counts
    const live = udpSessions + icmp + tcpOpening + tcpEstablished + tcpClosing
    expect(live).toBeLessThanOrEqual(sessions)
    expect(live).toBe(counts.opened - counts.expired)
    expect(peers.reduce((sum, peer) => sum + peer.sessions, 0)).toBe(live)
    expect(counts.opened).toBeGreaterThan(5 * sessions)
    expect(refused.sessions).toBeGreaterThan(0)
    expect(counts.udpPorts).toBeLessThanOrEqual(udpSessions)
    expect(rig.pool.inUse).toBe(0)
    rig.clock.advance(3 * 3_600_000)
    expect(layer.statistics()).toMatchObject({
      peers: [],
      sessions: { udp: 0, icmp: 0, tcpOpening: 0, udpPorts: 0, icmpIdentifiers: 0 },
    })
  })

  test.each<[string, Partial<NatOptions>]>([
    ['by default', {}],
    [
      'with all options on',
      {
        mapping: 'endpoint-independent',
        filtering: { udp: 'endpoint-independent', tcp: 'endpoint-independent', icmp: 'address-dependent' },
        forwards: [{ protocol: 'udp', port: 5003, to: '10.0.0.2', toPort: 53 }],
        staticAddresses: [{ inside: '10.0.0.3', outside: '203.0.113.9' }],
        otherProtocols: true,
        unsolicitedSyn: 'port-unreachable',
        fragmentedDatagrams: 4,
      },
    ],
  ])('25,000 broken packets, both ways, %s: nothing thrown, no byte changed but their own', async (_name, options) => {
    const layer = nat({ address: '203.0.113.7', ports: [5000, 5003], sessions: 64, ...options })
    const pool = new PacketPool({ slots: 64 })
    const rig = await LayerRig.start(layer, { pool })
    let passed = 0
    const sink = {
      serve(served: Batch<IpPacket>) {
        passed += served.length
      },
    }
    const ways = [layer.up.layer(sink), layer.down.layer(sink)]
    const random = new SeededRandom(11)
    const about = (addresses: typeof inside) => icmpError({ type: 3, code: 3 }, ipv4(addresses, udp))
    const tcpOptions = Uint8Array.of(1, 2, 4, 5, 180, 3, 3, 7)
    const templates = [
      ipv4(inside, udp),
      ipv4(inside, tcpSegment({ sourcePort: 5000, destinationPort: 80, flags: 'SYN', options: tcpOptions, mss: 1460 })),
      ipv4(inside, tcpSegment({ sourcePort: 5000, destinationPort: 80 }, 'payload')),
      ipv4(inside, icmpEcho({ type: 'request', identifier: 1 }, 'payload')),
      ipv4(inside, about(outside)),
      ipv4({ ...inside, options: new Uint8Array(12) }, udp),
      ipv4({ ...inside, moreFragments: true }, udp),
      ipv4({ ...inside, moreFragments: true, fragmentOffset: 16 }, payload(17, 'sixteen bytes or')),
      ipv4({ ...outside, fragmentOffset: 16 }, payload(17, 'less than that')),
      ipv4({ ...inside, source: '10.0.0.3' }, udp),
      ipv4({ ...inside, destination: '203.0.113.7' }, udpSegment({ sourcePort: 5000, destinationPort: 5003 })),
      ipv4({ ...outside, destination: '203.0.113.9' }, udp),
      ipv4(inside, payload(47, 'GRE')),
      ipv6({ source: 'fd00::2', destination: '2001:db8::7' }, udp),
      ipv4(outside, udpSegment({ sourcePort: 53, destinationPort: 5001 }, 'payload')),
      ipv4(
        outside,
        tcpSegment({ sourcePort: 80, destinationPort: 5002, flags: 'SYN ACK', options: tcpOptions, mss: 1460 }),
      ),
      ipv4(outside, icmpEcho({ type: 'reply', identifier: 5003 })),
      ipv4(outside, about({ source: '203.0.113.7', destination: '198.51.100.7' })),
    ]
    const batch = new Batch<IpPacket>()
    for (let i = 0; i < 25_000; i++) {
      const bytes = templates[random.uint32() % templates.length]!.slice()
      for (let flips = random.uint32() % 4; flips > 0; flips--) bytes[random.uint32() % bytes.length] = random.uint32()
      const length = random.chance(0.3) ? 1 + (random.uint32() % bytes.length) : bytes.length
      // Half of those cut short say so in their header, and so come further.
      if (bytes[0]! >> 4 === 4 && random.chance(0.5)) bytes.set([length >> 8, length & 0xff], 2)
      const packet = pool.acquire(length)!
      packet.memory.fill(0xa5, packet.slotStart, packet.slotEnd)
      packet.memory.set(bytes.subarray(0, length), packet.offset)
      packet.length = length
      if (parseIp(packet) === undefined) {
        batch.clear()
        batch.push(asIpPacket(packet))
        ways[random.uint32() & 1]!.serve(batch)
      }
      const { memory, offset, slotStart, slotEnd } = packet
      const before = memory.subarray(slotStart, offset)
      const behind = memory.subarray(offset + length, slotEnd)
      if (before.some((byte) => byte !== 0xa5) || behind.some((byte) => byte !== 0xa5)) {
        expect.fail(`a packet of ${length} bytes reached beyond itself: ${bytes.toString()}`)
      }
      packet.release()
      if (i % 100 === 0) rig.clock.advance(5000)
    }
    expect(passed).toBeGreaterThan(2500)
    // Fragments that wait for their first one.
    rig.clock.advance(20_000)
    expect(pool.inUse).toBe(0)
  })
})
