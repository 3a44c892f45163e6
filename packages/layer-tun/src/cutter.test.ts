import { type IpPacket, PacketPool } from '@millrace/core'
import { decodePacket, pooledPacket } from '@millrace/core/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { Cutter } from './cutter.ts'
import { hex, ip, pattern, superPacket, tcp } from './test-support/packets.ts'

const pool = new PacketPool({ slots: 2, jumboSlots: 2 })

afterEach(() => expect(pool.inUse).toBe(0))

function setUp(write: (segment: IpPacket, index: number) => string | undefined = () => undefined) {
  const segments: Uint8Array[] = []
  const drops: string[] = []
  const cutter = new Cutter(
    pool,
    (segment) => {
      segments.push(segment.bytes().slice())
      return write(segment, segments.length - 1)
    },
    (reason) => drops.push(reason),
  )
  return { cutter, segments, drops }
}

describe.each([
  [4, 'tcp'],
  [6, 'tcp'],
  [4, 'udp'],
  [6, 'udp'],
] as const)('IPv%i %s', (version, protocol) => {
  test.each([1, 1348, 2696, 60_000])('%i bytes become segments with right checksums', (size) => {
    const { cutter, segments, drops } = setUp()
    const packet = superPacket(pool, version, protocol, 1348, pattern(size))
    expect(cutter.cut(packet)).toBeUndefined()
    const payloads = segments.map((bytes) => decodePacket(bytes).payload)
    expect(payloads.map(({ length }) => length).slice(0, -1)).toEqual(new Array(Math.ceil(size / 1348) - 1).fill(1348))
    expect(hex(...payloads)).toBe(hex(pattern(size)))
    expect(drops).toEqual([])
    packet.release()
  })
})

test('each segment that the device does not take is one drop', () => {
  const { cutter, drops } = setUp((_segment, index) => (index === 1 ? 'tun-queue-full' : undefined))
  const packet = superPacket(pool, 4, 'tcp', 1000, pattern(3000))
  expect(cutter.cut(packet)).toBeUndefined()
  expect(drops).toEqual(['tun-queue-full'])
  packet.release()
})

test('what is not in order is dropped whole, and so is all when the pool is empty', () => {
  const { cutter, segments } = setUp()
  const packet = superPacket(pool, 4, 'tcp', 1000, pattern(3000))
  packet.segmentHeader++
  expect(cutter.cut(packet)).toBe('super-packet-malformed')
  packet.segmentHeader--
  const held = [1, 2, 3].map(() => pooledPacket(pool, ip(4, tcp(pattern(1)))))
  expect(cutter.cut(packet)).toBe('pool-empty')
  expect(segments).toEqual([])
  for (const one of [packet, ...held]) one.release()
})
