import { Batch, type IpPacket } from '@millrace/core'
import {
  decodePacket,
  ipv4,
  LayerRig,
  packetFromText,
  pooledPacket,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'

const NAT = '203.0.113.7'
const inside = { source: '10.0.0.2', destination: '198.51.100.7' }
const outside = { source: '198.51.100.7', destination: NAT }
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, 'data')
const start = (options: Partial<NatOptions> = {}): Promise<LayerRig> =>
  LayerRig.start(nat({ address: NAT, ...options }))

async function opened(options: Partial<NatOptions> = {}): Promise<{ rig: LayerRig; port: number }> {
  const rig = await start(options)
  rig.up(ipv4(inside, udp))
  return { rig, port: decodePacket(rig.take()[0]!.bytes).sourcePort as number }
}

describe('the IPv4 header', () => {
  test('DSCP, ECN and "don\'t fragment" stay as they are, both ways', async () => {
    const { rig, port } = await opened()
    for (const tos of [0, 0x01, 0xb8, 0xff]) {
      for (const dontFragment of [true, false]) {
        rig.up(ipv4({ ...inside, tos, dontFragment }, udp))
        rig.down(ipv4({ ...outside, tos, dontFragment }, udpSegment({ sourcePort: 53, destinationPort: port })))
        for (const { bytes } of rig.take()) expect([bytes[1], bytes[6]]).toEqual([tos, dontFragment ? 0x40 : 0])
      }
    }
  })

  test('an identification that means something is made unique, one that means nothing stays (RFC 6864)', async () => {
    const rig = await start()
    const ids: number[] = []
    for (let host = 1; host <= 50; host++) {
      rig.up(ipv4({ ...inside, source: `10.0.0.${host}`, id: 7 }, udp))
      rig.up(ipv4({ ...inside, source: `10.0.0.${host}`, id: 7, dontFragment: true }, udp))
      const [loose, atomic] = rig.take().map(({ bytes }) => decodePacket(bytes).id as number)
      ids.push(loose as number)
      expect(atomic).toBe(7)
    }
    expect(new Set(ids).size).toBe(50)
  })

  test('a super-packet gets as many identifications as it has segments', async () => {
    const layer = nat({ address: NAT })
    const rig = await LayerRig.start(layer)
    const sent: number[] = []
    const service = layer.up.layer({
      serve: (served) => void sent.push(decodePacket(served.at(0).bytes()).id as number),
    })
    for (const segments of [10, 1, 5]) {
      const data = new Uint8Array(segments * 1000)
      const packet = pooledPacket(rig.pool, ipv4(inside, udpSegment({ sourcePort: 5000, destinationPort: 53 }, data)))
      packet.segmentSize = 1000
      packet.segmentHeader = 28
      const batch = new Batch<IpPacket>()
      batch.push(packet)
      service.serve(batch)
      packet.release()
    }
    expect(sent.map((id) => (id - (sent[0] as number)) & 0xffff)).toEqual([0, 10, 11])
  })

  test('a super-packet whose checksum happens to be 0 is no datagram without a checksum', async () => {
    const layer = nat({ address: NAT })
    const rig = await LayerRig.start(layer)
    const field: number[] = []
    const service = layer.up.layer({
      serve: (served) => void field.push(served.at(0).view.getUint16(served.at(0).transport + 6)),
    })
    for (const segmentSize of [0, 1000]) {
      const fields = { sourcePort: 5000, destinationPort: 53, checksum: false }
      const packet = pooledPacket(rig.pool, ipv4(inside, udpSegment(fields, new Uint8Array(5000))))
      packet.segmentSize = segmentSize
      packet.segmentHeader = segmentSize > 0 ? 28 : 0
      const batch = new Batch<IpPacket>()
      batch.push(packet)
      service.serve(batch)
      packet.release()
    }
    expect(field[0]).toBe(0)
    expect(field[1]).not.toBe(0)
  })
})

describe('what does not fit into the tunnel', () => {
  const answer = (port: number, size: number, dontFragment: boolean): Uint8Array => {
    const data = new Uint8Array(size - 28)
    return ipv4({ ...outside, dontFragment }, udpSegment({ sourcePort: 53, destinationPort: port }, data))
  }

  test.each([
    { size: 1420, dontFragment: true, passes: true },
    { size: 1421, dontFragment: true, passes: false },
    { size: 1421, dontFragment: false, passes: true },
  ])("$size bytes, don't fragment: $dontFragment, passes: $passes", async ({ size, dontFragment, passes }) => {
    const { rig, port } = await opened()
    const packet = answer(port, size, dontFragment)
    rig.down(packet)
    const [output] = rig.take()
    expect(output?.direction).toBe(passes ? 'down' : 'up')
    if (passes) return
    // RFC 4787 REQ-13, RFC 1191: code 4, with the MTU, about what was sent.
    const error = decodePacket(output!.bytes)
    expect(error).toMatchObject({ source: NAT, destination: '198.51.100.7', type: 3, code: 4, rest: 1420 })
    expect(error.quoted).toEqual(packet.slice(0, error.quoted!.length))
    expect(rig.drops).toEqual(new Map([['packet-too-big', 1]]))
  })

  test('a super-packet is measured by its segments', async () => {
    for (const [segmentSize, count] of [
      [1392, 1],
      [1393, 0],
    ] as const) {
      const layer = nat({ address: NAT })
      const rig = await LayerRig.start(layer)
      rig.up(ipv4(inside, udp))
      const port = decodePacket(rig.take()[0]!.bytes).sourcePort as number
      const packet = pooledPacket(rig.pool, answer(port, 28 + 10 * segmentSize, true))
      packet.segmentSize = segmentSize
      packet.segmentHeader = 28
      const batch = new Batch<IpPacket>()
      batch.push(packet)
      layer.down.layer({ serve() {} }).serve(batch)
      expect(batch.length).toBe(count)
      packet.release()
    }
  })
})

describe('a SYN that is for nobody (RFC 5382 REQ-4)', () => {
  const syn = packetFromText(`TCP 198.51.100.7:80 > ${NAT}:4000 SYN`)

  test('is met with silence, unless asked for otherwise', async () => {
    const rig = await start()
    rig.down(syn)
    rig.clock.advance(60_000)
    expect(rig.take()).toEqual([])
    expect(rig.pool.inUse).toBe(0)
  })

  test('is refused after six seconds, and not before', async () => {
    const rig = await start({ unsolicitedSyn: 'port-unreachable' })
    rig.down(syn)
    rig.clock.advance(5999)
    expect(rig.take()).toEqual([])
    rig.clock.advance(1)
    const [output] = rig.take()
    expect(output?.direction).toBe('up')
    const answer = decodePacket(output!.bytes)
    expect(answer).toMatchObject({ source: NAT, destination: '198.51.100.7', type: 3, code: 3 })
    expect(answer.quoted).toEqual(syn)
    expect(rig.pool.inUse).toBe(0)
  })

  test('is not refused when the inside begins the same connection meanwhile', async () => {
    const rig = await start({ unsolicitedSyn: 'port-unreachable', ports: [4000, 4000] })
    rig.down(syn)
    rig.clock.advance(3000)
    rig.up(packetFromText('TCP 10.0.0.2:1 > 198.51.100.7:80 SYN'))
    expect(rig.take().length).toBe(1)
    rig.clock.advance(10_000)
    expect(rig.take()).toEqual([])
    expect(rig.pool.inUse).toBe(0)
  })

  test('only SYNs are answered, and no more than 64 wait', async () => {
    const rig = await start({ unsolicitedSyn: 'port-unreachable' })
    rig.down(
      packetFromText(`UDP 198.51.100.7:80 > ${NAT}:4000`),
      packetFromText(`TCP 198.51.100.7:80 > ${NAT}:4000 ACK`),
    )
    rig.down(ipv4({ ...outside, moreFragments: true }, tcpSegment({ sourcePort: 1, destinationPort: 2, flags: 'SYN' })))
    expect(rig.pool.inUse).toBe(0)
    for (let i = 0; i < 100; i++) rig.down(syn)
    expect(rig.pool.inUse).toBe(64)
    await rig.stop()
    expect(rig.pool.inUse).toBe(0)
    rig.clock.advance(10_000)
    expect(rig.take()).toEqual([])
  })
})
