import { type Packet, PacketPool, type PooledPacket } from '@millrace/core'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { acceptPacket } from './accept.ts'
import { headersOf, hex, ip, offloadHeader, pattern, tcp, udp, unsummed, virtioHeader } from './test-support/packets.ts'
import { VirtioHeader } from './virtio-header.ts'

const pool = new PacketPool({ slots: 2, jumboSlots: 2 })
const header = new VirtioHeader(pool.view)

/** The packet as it lies in the pool when the kernel has put it there. */
function landed(virtio: Uint8Array, bytes: Uint8Array): PooledPacket {
  const packet = pool.acquire(bytes.length) as PooledPacket
  packet.memory.set(virtio, packet.offset - 10)
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  return packet
}

const accept = (packet: Packet): string | undefined => acceptPacket(packet, header, pool.sums)

afterEach(() => expect(pool.inUse).toBe(0))

const kinds = [
  [4, 'tcp'],
  [6, 'tcp'],
  [4, 'udp'],
  [6, 'udp'],
] as const

describe.each(kinds)('IPv%i %s', (version, protocol) => {
  const make = (payload: Uint8Array): Uint8Array => ip(version, protocol === 'tcp' ? tcp(payload) : udp(payload))

  test('an ordinary packet gets its checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), (payload) => {
        const whole = make(payload)
        const packet = landed(offloadHeader(version, protocol), unsummed(whole, version, protocol))
        expect(accept(packet)).toBeUndefined()
        expect([packet.kind, packet.segmentSize]).toEqual(['ip', 0])
        expect(packet.bytes()).toEqual(whole)
        packet.release()
      }),
      { numRuns: 50 },
    )
  })

  test('a packet without flags stays as it is', () => {
    const whole = make(pattern(99))
    whole[whole.length - 1] = 1
    const packet = landed(virtioHeader({ flags: 2 }), whole)
    expect(accept(packet)).toBeUndefined()
    expect(packet.bytes()).toEqual(whole)
    packet.release()
  })

  test('a packet of several segments says how it is to be cut', () => {
    const whole = unsummed(make(pattern(60_000)), version, protocol)
    const packet = landed(offloadHeader(version, protocol, 1348), whole)
    expect(accept(packet)).toBeUndefined()
    expect(packet.segmentSize).toBe(1348)
    expect(packet.segmentHeader).toBe(headersOf(version, protocol))
    expect(packet.segments).toBe(45)
    expect(hex(packet.bytes())).toBe(hex(whole))
    packet.release()
  })

  test('one segment is an ordinary packet', () => {
    const whole = make(pattern(1348))
    const packet = landed(offloadHeader(version, protocol, 1348), unsummed(whole, version, protocol))
    expect(accept(packet)).toBeUndefined()
    expect([packet.segmentSize, packet.segmentHeader]).toEqual([0, 0])
    expect(packet.bytes()).toEqual(whole)
    packet.release()
  })
})

test('the checksum of UDP is never 0', () => {
  const zero = ip(4, udp(new Uint8Array(2)))
  // With its own checksum for payload the sum of everything is 0xffff, and the checksum 0.
  const whole = ip(4, udp(zero.slice(26, 28)))
  expect(whole.slice(26, 28)).toEqual(Uint8Array.of(0xff, 0xff))
  const packet = landed(offloadHeader(4, 'udp'), unsummed(whole, 4, 'udp'))
  expect(accept(packet)).toBeUndefined()
  expect(packet.bytes()).toEqual(whole)
  packet.release()
})

test('a segment that carries CWR may come with the bit for it', () => {
  const virtio = offloadHeader(4, 'tcp', 1000)
  virtio[1] = 0x81
  const packet = landed(virtio, ip(4, tcp(pattern(3000))))
  expect(accept(packet)).toBeUndefined()
  expect(packet.segments).toBe(3)
  packet.release()
})

const tcp4 = ip(4, tcp(pattern(3000)))
const udp6 = ip(6, udp(pattern(3000)))
const fragment = tcp4.slice()
fragment[6] = 0x20
const shortHeader = tcp4.slice()
shortHeader[32] = 0x40
const longHeader = ip(4, tcp(new Uint8Array(4)))
longHeader[32] = 0xf0
const wrongLength = udp6.slice()
wrongLength[45] = 1

test.each([
  ['checksum begins in the IPv4 header', { flags: 1, checksumStart: 18 }, tcp4, 'checksum-out-of-bounds'],
  ['checksum begins in the IPv6 header', { flags: 1, checksumStart: 39 }, udp6, 'checksum-out-of-bounds'],
  ['checksum begins behind the packet', { flags: 1, checksumStart: 65_535 }, tcp4, 'checksum-out-of-bounds'],
  [
    'checksum field half outside',
    { flags: 1, checksumStart: 20, checksumOffset: 3031 },
    tcp4,
    'checksum-out-of-bounds',
  ],
  ['unknown type', { gsoType: 2, gsoSize: 100 }, tcp4, 'super-packet-unknown'],
  ['fragments, UFO', { gsoType: 3, gsoSize: 100 }, udp6, 'super-packet-unknown'],
  ['IPv6 type on IPv4', { gsoType: 4, gsoSize: 100 }, tcp4, 'super-packet-unknown'],
  ['CWR in UDP', { gsoType: 0x85, gsoSize: 100 }, udp6, 'super-packet-unknown'],
  ['only CWR', { gsoType: 0x80, gsoSize: 100 }, tcp4, 'super-packet-unknown'],
  ['UDP type on TCP', { gsoType: 5, gsoSize: 100 }, tcp4, 'super-packet-malformed'],
  ['TCP type on UDP', { gsoType: 4, gsoSize: 100 }, udp6, 'super-packet-malformed'],
  ['no size', { gsoType: 1 }, tcp4, 'super-packet-malformed'],
  ['a fragment', { gsoType: 1, gsoSize: 100 }, fragment, 'super-packet-malformed'],
  ['TCP header too short', { gsoType: 1, gsoSize: 100 }, shortHeader, 'super-packet-malformed'],
  ['TCP header behind the end', { gsoType: 1, gsoSize: 100 }, longHeader, 'super-packet-malformed'],
  ['UDP length of another packet', { gsoType: 5, gsoSize: 100 }, wrongLength, 'super-packet-malformed'],
  [
    'checksum of a header further in',
    { gsoType: 1, gsoSize: 100, flags: 1, checksumStart: 40, checksumOffset: 16 },
    tcp4,
    'super-packet-malformed',
  ],
  [
    'checksum elsewhere',
    { gsoType: 1, gsoSize: 100, flags: 1, checksumStart: 20, checksumOffset: 6 },
    tcp4,
    'super-packet-malformed',
  ],
  ['no IP', {}, Uint8Array.of(0x15, 0, 0), 'not-ip'],
  ['nothing', {}, new Uint8Array(), 'empty-packet'],
])('%s: dropped by name', (_name, fields, bytes, reason) => {
  const packet = landed(virtioHeader(fields), bytes)
  expect(accept(packet)).toBe(reason)
  packet.release()
})

test('whatever header and packet say, nothing is touched beside the packet, and what is accepted is in order', () => {
  const base = fc.constantFrom(tcp4, udp6, ip(6, tcp(pattern(50))), ip(4, udp(pattern(5))))
  const spot = fc.tuple(fc.nat({ max: 90 }), fc.integer({ min: 0, max: 255 }))
  const small = fc.oneof(fc.nat({ max: 64 }), fc.nat({ max: 65_535 }))
  const fields = fc.record({
    flags: fc.nat({ max: 3 }),
    gsoType: fc.constantFrom(0, 1, 4, 5, 0x81, 0xff),
    gsoSize: small,
    checksumStart: small,
    checksumOffset: small,
  })
  fc.assert(
    fc.property(base, fc.array(spot, { maxLength: 3 }), fc.nat({ max: 3100 }), fields, (bytes, spots, size, virtio) => {
      const changed = bytes.slice(0, Math.max(size, 1))
      for (const [at, value] of spots) changed[at % changed.length] = value
      const packet = landed(virtioHeader(virtio), changed)
      const { slotStart, slotEnd, offset, memory } = packet
      const before = memory.slice(slotStart, slotEnd)
      if (accept(packet) === undefined) {
        expect(packet.offset).toBe(offset)
        expect(packet.length).toBeLessThanOrEqual(changed.length)
        if (packet.segmentSize !== 0) {
          expect(packet.segmentHeader).toBeGreaterThanOrEqual(28)
          expect(packet.length - packet.segmentHeader).toBeGreaterThan(packet.segmentSize)
        }
      }
      const beside = (bytes: Uint8Array): Buffer =>
        Buffer.from(bytes).fill(0, offset - slotStart, offset - slotStart + changed.length)
      expect(beside(memory.slice(slotStart, slotEnd)).equals(beside(before))).toBe(true)
      packet.release()
    }),
    { numRuns: 400 },
  )
})
