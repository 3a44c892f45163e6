import { decodePacket, pooledPacket, udpSegment } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinSlowly } from '../test-support/fragments.ts'
import { PacketDesk } from '../test-support/packet-desk.ts'
import { data, up } from '../test-support/packets.ts'
import { Fragmenter } from './fragmenter.ts'
import { Identifications } from './identifications.ts'

const ports = { sourcePort: 53, destinationPort: 5000 }

/** What goes out for a datagram with so many bytes. */
function send(desk: PacketDesk, family: 4 | 6, length: number, mtu: number): { whole: Uint8Array; out: Uint8Array[] } {
  const whole = up(family, udpSegment(ports, data(length)))
  const peer = { name: 'laptop' }
  const packet = pooledPacket(desk.pool, whole, { direction: 'down', peer, arrival: 7 })
  expect(new Fragmenter(desk.surroundings.outbox, desk.surroundings.random).push(packet, mtu)).toBe(undefined)
  for (const sent of desk.sent) {
    expect(sent).toMatchObject({ direction: 'down', peer, arrival: 7, kind: 'ip', version: family })
  }
  return { whole, out: desk.take() }
}

describe.each([4, 6] as const)('a packet over IPv%i', (family) => {
  test('of any length makes fragments that fit and that make it up again', () => {
    const desk = new PacketDesk({ jumboSlots: 60 })
    const lengths = fc.integer({ min: 0, max: family === 4 ? 65_507 : 65_487 })
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1280, max: 9000 }), (length, mtu) => {
        const { whole, out } = send(desk, family, length, mtu)
        expect(Math.max(...out.map((bytes) => bytes.length))).toBeLessThanOrEqual(mtu)
        if (whole.length <= mtu) expect(out.length).toBe(1)
        for (const bytes of out.slice(0, -1)) expect(bytes.length).toBeGreaterThan(mtu - 8)
        const joined = withoutId(out.length === 1 ? out[0]! : joinSlowly(out), family)
        expect(Buffer.compare(joined, withoutId(whole, family))).toBe(0)
        expect(desk.pool.inUse).toBe(0)
      }),
      { numRuns: 25 },
    )
  })

  test('that fits exactly goes as it is, and one byte more makes two', () => {
    const headers = family === 4 ? 28 : 48
    expect(send(new PacketDesk(), family, 1420 - headers, 1420).out.length).toBe(1)
    expect(send(new PacketDesk(), family, 1421 - headers, 1420).out.length).toBe(2)
  })

  test('goes out whole or not at all', () => {
    const desk = new PacketDesk({ slots: 3, jumboSlots: 1 })
    const packet = pooledPacket(desk.pool, up(family, udpSegment(ports, data(8000))))
    const fragmenter = new Fragmenter(desk.surroundings.outbox, desk.surroundings.random)
    expect(fragmenter.push(packet, 1420)).toBe('pool-empty')
    expect([desk.sent, desk.pool.inUse]).toEqual([[], 0])
    expect(send(desk, family, 4000, 1420).out.length).toBe(3)
  })

  test('that stands for several goes as it is if each of them fits', () => {
    const desk = new PacketDesk()
    const fragmenter = new Fragmenter(desk.surroundings.outbox, desk.surroundings.random)
    const headers = family === 4 ? 28 : 48
    for (const [segmentSize, reason] of [
      [1372, undefined],
      [1393, 'packet-too-big'],
    ] as const) {
      const packet = pooledPacket(desk.pool, up(family, udpSegment(ports, data(4000))))
      packet.segmentSize = segmentSize
      packet.segmentHeader = headers
      expect(fragmenter.push(packet, 1420)).toBe(reason)
      expect(desk.take().length).toBe(reason === undefined ? 1 : 0)
      expect(desk.pool.inUse).toBe(0)
    }
  })
})

test('identifications come up once each before any comes again, in an order of chance', () => {
  const { random } = new PacketDesk().surroundings
  const ids = new Identifications(random)
  const [first, second] = [0, 1].map(() => Array.from({ length: 65_536 }, () => ids.next()))
  expect(new Set(first).size).toBe(65_536)
  expect(new Set(second).size).toBe(65_536)
  expect(Math.min(...first!) === 0 && Math.max(...first!) === 65_535).toBe(true)
  expect(first).not.toEqual(second)
  // By chance two that follow each other differ by 1 about twice in 65,536 times.
  const neighbours = first!.filter((id, i) => i > 0 && Math.abs(id - first![i - 1]!) === 1)
  expect(neighbours.length).toBeLessThan(50)
  const other = new Identifications(new PacketDesk({ seed: 2 }).surroundings.random)
  expect(Array.from({ length: 100 }, () => other.next())).not.toEqual(first!.slice(0, 100))
})

/** All that cutting changes for good: identification and, by it, header checksum. */
function withoutId(whole: Uint8Array, family: 4 | 6): Uint8Array {
  if (family === 6) return whole
  decodePacket(whole)
  const bytes = whole.slice()
  bytes.fill(0, 4, 6)
  bytes.fill(0, 10, 12)
  return bytes
}
