import { Batch, type Context, type IpPacket, parseAddress, type Service } from '@millrace/core'
import {
  decodePacket,
  icmpEcho,
  icmpError,
  ipv4,
  ipv6,
  LayerRig,
  payload,
  pooledPacket,
  type Transport,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NatLayer } from '../nat-layer.ts'
import { nat66 } from '../nat66/nat66.ts'
import { mirror } from '../test-support/mirror.ts'
import { parses } from '../test-support/parses.ts'
import { nat64 } from './nat64.ts'

const kinds: readonly { name: string; make: (sessions?: number) => NatLayer; remote: string; outside: string }[] = [
  {
    name: 'nat64',
    make: (sessions = 512) => nat64({ address: '203.0.113.7', prefix: '2001:db8:64::/96', sessions }),
    remote: '2001:db8:64::c633:64',
    outside: '203.0.113.7',
  },
  {
    name: 'nat66',
    make: (sessions = 512) => nat66({ address: '2001:db8::7', sessions }),
    remote: '2001:db8:9::',
    outside: '2001:db8::7',
  },
]

interface Flow {
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  readonly host: number
  readonly port: number
  readonly remote: number
  readonly remotePort: number
  readonly data: Uint8Array
  readonly hopLimit: number
}

const flow: fc.Arbitrary<Flow> = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'icmp'),
  host: fc.integer({ min: 1, max: 4 }),
  port: fc.oneof(fc.constantFrom(0, 1, 65_535), fc.nat(8)),
  remote: fc.integer({ min: 0x10, max: 0x12 }),
  remotePort: fc.constantFrom(0, 53, 80, 65_535),
  data: fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constantFrom(new Uint8Array(6).fill(255), new Uint8Array(6))),
  hopLimit: fc.integer({ min: 3, max: 255 }),
})

function packetOf({ protocol, host, port, remote, remotePort, data, hopLimit }: Flow, prefix: string): Uint8Array {
  const ports = { sourcePort: port, destinationPort: remotePort }
  let transport: Transport
  if (protocol === 'tcp') transport = tcpSegment({ ...ports, flags: 'SYN' }, data)
  else if (protocol === 'udp') transport = udpSegment(ports, data)
  else transport = icmpEcho({ type: 'request', identifier: port }, data)
  const packet = ipv6({ source: `fd00::${host}`, destination: `${prefix}${remote.toString(16)}`, hopLimit }, transport)
  packet.set([0x6b, 0x80], 0)
  return packet
}

/** An IPv6 packet that is hostile in any way that a few bytes can be, most often with headers that make some sense. */
const hostile6 = fc
  .record({
    next: fc.constantFrom(0, 6, 17, 43, 44, 58, 60, 1, 50, 59),
    data: fc.uint8Array({ maxLength: 120 }),
    after: fc.constantFrom(6, 17, 44, 58, 60),
    source: fc.constantFrom('fd00::2', 'fe80::1', '::', '2001:db8:64::1', '2001:db8::7'),
  })
  .map(({ next, data, after, source }) => ({ source, next, data: data.length > 0 ? data.with(0, after) : data }))

const hostile4 = fc.record({
  protocol: fc.constantFrom(1, 6, 17, 47, 58),
  data: fc.uint8Array({ maxLength: 120 }),
  options: fc.uint8Array({ maxLength: 10 }).map((bytes) => bytes.slice(0, bytes.length & ~3)),
  id: fc.nat(3),
  offset: fc.constantFrom(0, 0, 8, 64, 65_528),
  moreFragments: fc.boolean(),
})

describe.each(kinds)('properties of $name', ({ make, remote, outside }) => {
  test('every checksum equals the one computed anew, and the answer to what was sent comes back to who sent it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(flow, { minLength: 1, maxLength: 20 }), fc.nat(), async (flows, seed) => {
        const rig = await LayerRig.start(make(), { seed })
        for (const each of flows) {
          const sent = packetOf(each, remote)
          rig.up(sent)
          const out = rig.take()[0]!.bytes
          expect(decodePacket(out)).toMatchObject({ source: outside, ttl: each.hopLimit - 1 })
          rig.down(mirror(out))
          const inside = rig.take()[0]!.bytes
          const back = mirror(inside)
          back[7] = each.hopLimit
          expect(decodePacket(inside).ttl).toBe(each.hopLimit - 2)
          expect(back).toEqual(sent)
        }
        expect([rig.drops.size, rig.pool.inUse]).toEqual([0, 0])
      }),
      { numRuns: 15 },
    )
  })

  test('whatever the bytes, nothing throws, and no packet is lost to the pool', async () => {
    const layer = make(64)
    const rig = await LayerRig.start(layer)
    const destination = `${remote}10`
    fc.assert(
      fc.property(hostile6, hostile4, ({ source, next, data }, four) => {
        const up = ipv6({ source, destination }, payload(next, data))
        const quoting = ipv6(
          { source: 'fd00::2', destination },
          icmpError({ type: 1 + (data.length % 4), code: 0 }, up),
        )
        const inbound = ipv6({ source: destination, destination: '2001:db8::7' }, payload(next, data))
        const down = ipv4(
          { source: '198.51.100.7', destination: '203.0.113.7', ...four, fragmentOffset: four.offset },
          payload(four.protocol, four.data),
        )
        const quoted = ipv4(
          { source: '198.51.100.7', destination: '203.0.113.7' },
          icmpError({ type: 3, code: 1 }, down),
        )
        for (const bytes of [up, quoting]) if (parses(bytes)) rig.up(bytes)
        for (const bytes of [inbound, down, quoted]) if (parses(bytes)) rig.down(bytes)
        for (const { bytes } of rig.take()) expect(parses(bytes)).toBe(true)
      }),
      { numRuns: 500 },
    )
    rig.clock.advance(10_000)
    rig.up(ipv6({ source: 'fd00::2', destination }, payload(17, new Uint8Array(9))))
    await rig.stop()
    expect(rig.pool.inUse).toBe(0)
    expect(layer.statistics()!.capacity).toBe(64)
  })

  test('a flood of senders takes no more than the table has, and nothing from those who are there', async () => {
    const layer = make(64)
    const rig = await LayerRig.start(layer)
    const mine = ipv6(
      { source: 'fd00::1', destination: `${remote}10` },
      udpSegment({ sourcePort: 5000, destinationPort: 53 }),
    )
    const peer = { name: 'honest' }
    const mallory = { name: 'mallory' }
    rig.up({ bytes: mine, peer })
    const answer = mirror(rig.take()[0]!.bytes)
    const packet = mine.slice()
    const view = new DataView(packet.buffer)
    packet.set(parseAddress('fd00:bad::').bytes, 8)
    for (let i = 0; i < 5000; i++) {
      view.setUint32(20, i)
      // As many senders as checksums: each takes back what the other has added.
      view.setUint16(18, 0xffff - (i & 0xffff))
      rig.up({ bytes: packet, peer: mallory })
    }
    rig.take()
    expect(layer.statistics()!.peers).toEqual([
      { peer, sessions: 1, ports: 1 },
      { peer: mallory, sessions: 16, ports: 16 },
    ])
    const stranger = answer.slice()
    const source = new DataView(stranger.buffer)
    for (let i = 0; i < 3000; i++) {
      source.setUint32(stranger[0]! >> 4 === 4 ? 12 : 20, 0x0100_0000 + i)
      rig.down(stranger)
    }
    expect([rig.take().length, rig.drops.get('no-mapping')]).toEqual([0, 3000])
    rig.down(answer)
    expect(decodePacket(rig.take()[0]!.bytes)).toMatchObject({ destination: 'fd00::1', destinationPort: 5000 })
    expect(rig.drops.get('peer-sessions-exhausted')).toBe(5000 - 16)
  })

  test('a super-packet passes whole, both ways', async () => {
    const layer = make()
    const seen: { bytes: Uint8Array; segments: number; header: number }[] = []
    const sink = {
      serve: (batch: Batch<IpPacket>) => {
        for (const packet of batch) {
          seen.push({ bytes: packet.bytes().slice(), segments: packet.segments, header: packet.segmentHeader })
        }
      },
    }
    const [down, up] = [layer.down.layer(sink), layer.up.layer(sink)]
    const start = (context: Context): void => void layer.start?.(context)
    const rig = await LayerRig.start({ up: { layer: () => up }, down: { layer: () => down }, start })
    const serve = (service: Service<IpPacket>, bytes: Uint8Array): void => {
      const batch = new Batch<IpPacket>()
      const packet = pooledPacket(rig.pool, bytes)
      packet.segmentSize = 1000
      packet.segmentHeader = packet.version === 6 ? 60 : 40
      batch.push(packet)
      service.serve(batch)
      packet.release()
    }
    const ends = { source: 'fd00::1', destination: `${remote}10` }
    const ports = { sourcePort: 9, destinationPort: 80 }
    rig.up(ipv6(ends, tcpSegment({ ...ports, flags: 'SYN' })))
    const data = new Uint8Array(3500).fill(7)
    serve(up, ipv6(ends, tcpSegment(ports, data)))
    const header = outside.includes(':') ? 60 : 40
    expect(seen.at(-1)).toMatchObject({ segments: 4, header })
    expect(seen.at(-1)!.bytes.length).toBe(header + 3500)
    const syn = decodePacket(seen[0]!.bytes)
    const back = { source: syn.destination, destination: outside }
    const segment = tcpSegment({ sourcePort: 80, destinationPort: syn.sourcePort!, flags: 'ACK' }, data)
    serve(down, outside.includes(':') ? ipv6(back, segment) : ipv4({ ...back, dontFragment: true }, segment))
    expect(seen.at(-1)).toMatchObject({ segments: 4, header: 60 })
    expect(seen.at(-1)!.bytes.subarray(60)).toEqual(data)
    expect([seen.length, rig.drops.size, rig.pool.inUse]).toEqual([3, 0, 0])
  })
})
