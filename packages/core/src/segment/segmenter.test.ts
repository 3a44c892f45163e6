import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIp } from '../ip/parse-ip.ts'
import { PacketPool } from '../packet/pool.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import { decodePacket } from '../testing/decode-packet.ts'
import { ipv4, ipv6, payload } from '../testing/packets.ts'
import { SeededRandom } from '../testing/seeded-random.ts'
import { cutSlowly, madeRight } from '../testing/slow-segments.ts'
import { MAXIMUM_SEGMENTS, Segmenter } from './segmenter.ts'

const pool = new PacketPool({ slots: 2, jumboSlots: 3 })
const segmenter = new Segmenter(pool.sums)
const target = pool.acquire(65_535)!

interface Shape {
  family: 4 | 6
  isTcp: boolean
  ipOptions: number
  tcpOptions: number
  /** The TCP header's 13th and 14th byte; its data offset is put in. */
  flags: number
  sequence: number
  id: number
  seed: number
}

const shape: fc.Arbitrary<Shape> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  isTcp: fc.boolean(),
  ipOptions: fc.nat(10).map((words) => words * 4),
  tcpOptions: fc.nat(10).map((words) => words * 4),
  flags: fc.nat(0xfff),
  sequence: fc.oneof(fc.nat(0x7fff_ffff), fc.constantFrom(0xffff_ffff, 0xffff_f000)),
  id: fc.oneof(fc.nat(0xffff), fc.constantFrom(0xffff, 0xfffe)),
  seed: fc.nat(),
})

const plainTcp: Shape = {
  family: 4,
  isTcp: true,
  ipOptions: 0,
  tcpOptions: 12,
  flags: 0x18,
  sequence: 1,
  id: 7,
  seed: 1,
}

/** An IP packet of `size` bytes of noise behind its headers, with right checksums, and the length of its IP header. */
function build(
  fields: Shape,
  size: number,
): { bytes: Uint8Array; ipHeader: number; protocol: number; headers: number } {
  const { family, isTcp } = fields
  const random = new SeededRandom(fields.seed)
  const noise = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length)
    random.fill(bytes)
    return bytes
  }
  const header = noise(isTcp ? 20 + fields.tcpOptions : 8)
  if (isTcp) {
    header.set([fields.sequence >>> 24, fields.sequence >>> 16, fields.sequence >>> 8, fields.sequence], 4)
    header.set([((header.length / 4) << 4) | (fields.flags >> 8), fields.flags], 12)
  }
  const protocol = isTcp ? 6 : 17
  const transport = payload(protocol, Uint8Array.from([...header, ...noise(size)]))
  // Options in IPv4; in IPv6 a destination options header, of eight bytes and more.
  const options = fields.ipOptions
  if (family === 4) {
    const addresses = { source: '10.0.0.2', destination: '198.51.100.7', dontFragment: true, id: fields.id }
    const bytes = ipv4({ ...addresses, options: new Uint8Array(options).fill(1) }, transport)
    return {
      bytes: madeRight(bytes, 20 + options, protocol),
      ipHeader: 20 + options,
      protocol,
      headers: 20 + options + header.length,
    }
  }
  const extension = options === 0 ? [] : [protocol, Math.floor(options / 8), 1, options - 2 + (8 - (options % 8)) - 2]
  const length = options === 0 ? 0 : Math.floor(options / 8) * 8 + 8
  const inner = Uint8Array.from([
    ...extension,
    ...new Array<number>(Math.max(length - 4, 0)).fill(0),
    ...transport.bytes(6, () => new Uint8Array()),
  ])
  const bytes = ipv6({ source: 'fd00::2', destination: '2001:db8::7' }, payload(length === 0 ? protocol : 60, inner))
  return {
    bytes: madeRight(bytes, 40 + length, protocol),
    ipHeader: 40 + length,
    protocol,
    headers: 40 + length + header.length,
  }
}

/** To compare packets by: a matcher takes its time over arrays. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** The packet in memory, parsed; release it. */
function put(bytes: Uint8Array, segmentSize: number, segmentHeader: number): PooledPacket {
  const packet = pool.acquire(65_535)!
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  expect(parseIp(packet)).toBeUndefined()
  packet.segmentSize = segmentSize
  packet.segmentHeader = segmentHeader
  return packet
}

function cut(packet: PooledPacket): Uint8Array[] | string {
  const reason = segmenter.begin(packet)
  if (reason !== undefined) {
    expect(segmenter.count).toBe(0)
    return reason
  }
  const segments: Uint8Array[] = []
  // From the last to the first, as one who writes over the source in the end would go.
  for (let i = segmenter.count - 1; i >= 0; i--) {
    const at = target.offset + (i % 3)
    const length = segmenter.write(i, at)
    expect(length).toBe(segmenter.lengthOf(i))
    segments.unshift(target.memory.slice(at, at + length))
  }
  return segments
}

describe('a super-packet is cut', () => {
  test('into what its slow twin makes of it, whatever the headers', () => {
    fc.assert(
      fc.property(shape, fc.nat(5000), fc.integer({ min: 1, max: 1500 }), (fields, size, segmentSize) => {
        fc.pre(size / segmentSize < 200)
        const { bytes, ipHeader, protocol, headers } = build(fields, size)
        const packet = put(bytes, segmentSize, headers)
        // Its transport checksum stands for nothing, nor does the UDP length.
        packet.view.setUint16(packet.transport + (protocol === 6 ? 16 : 6), fields.seed & 0xffff)
        const before = packet.bytes().slice()
        const segments = cut(packet) as Uint8Array[]
        expect(segments).toHaveLength(packet.segments)
        expect(segments.map(hex)).toEqual(cutSlowly(bytes, segmentSize, ipHeader, protocol).map(hex))
        expect(hex(packet.bytes())).toEqual(hex(before))
        packet.release()
        if (ipHeader === 40 || fields.family === 4) for (const segment of segments) decodePacket(segment)
      }),
      { numRuns: 300 },
    )
  })

  test.each([4, 6] as const)('up to the largest, IPv%i', (family) => {
    for (const isTcp of [true, false]) {
      const fields = { ...plainTcp, family, isTcp }
      const most = 65_535 - build(fields, 0).bytes.length
      const { bytes, ipHeader, protocol, headers } = build(fields, most)
      const packet = put(bytes, 1368, headers)
      const segments = cut(packet) as Uint8Array[]
      packet.release()
      expect(segments).toHaveLength(48)
      expect(segments.map(hex)).toEqual(cutSlowly(bytes, 1368, ipHeader, protocol).map(hex))
    }
  })

  test('with flags where they belong: CWR in the first, PSH and FIN in the last', () => {
    const { bytes, headers } = build({ ...plainTcp, flags: 0xfff }, 30)
    const packet = put(bytes, 10, headers)
    const flags = (cut(packet) as Uint8Array[]).map((segment) => (segment[32]! & 15) * 256 + segment[33]!)
    packet.release()
    expect(flags).toEqual([0xff6, 0xf76, 0xf7f])
  })

  test('a UDP sum of 0 is sent as 0xffff', () => {
    const { bytes, headers } = build({ ...plainTcp, isTcp: false }, 4)
    bytes.set([0, 0], headers)
    const [first] = cutSlowly(bytes, 2, 20, 17) as [Uint8Array]
    bytes.set(first.subarray(26, 28), headers)
    const packet = put(bytes, 2, headers)
    const [segment] = cut(packet) as [Uint8Array]
    packet.release()
    expect([...segment.subarray(26, 28)]).toEqual([0xff, 0xff])
    decodePacket(segment)
  })

  test('nothing is written but the segment', () => {
    const { bytes, headers } = build(plainTcp, 3000)
    const packet = put(bytes, 1368, headers)
    expect(segmenter.begin(packet)).toBeUndefined()
    target.memory.fill(0xa5, target.slotStart, target.slotEnd)
    const length = segmenter.write(1, target.offset + 5)
    packet.release()
    const slot = target.memory.slice(target.slotStart, target.slotEnd)
    const at = target.offset + 5 - target.slotStart
    expect(slot.subarray(0, at).every((byte) => byte === 0xa5)).toBe(true)
    expect(slot.subarray(at + length).every((byte) => byte === 0xa5)).toBe(true)
  })
})

describe('what is not cut', () => {
  const { bytes, headers } = build(plainTcp, 5000)
  const udp = build({ ...plainTcp, isTcp: false }, 5000)
  const v6 = build({ ...plainTcp, family: 6 }, 5000)
  const from = { source: '10.0.0.2', destination: '198.51.100.7' }
  const fragment6 = ipv6(
    { source: 'fd00::2', destination: '2001:db8::7' },
    payload(44, Uint8Array.from([17, 0, 0, 1, 1, 2, 3, 4, ...new Array<number>(2000).fill(0)])),
  )
  type Change = (packet: PooledPacket) => unknown

  test.each<[string, Uint8Array, number, Change]>([
    ['no segment size', bytes, headers, (p) => Object.assign(p, { segmentSize: 0 })],
    ['a negative one', bytes, headers, (p) => Object.assign(p, { segmentSize: -1 })],
    ['too many segments', bytes, headers, (p) => Object.assign(p, { segmentSize: 2 })],
    ['a header that ends elsewhere', bytes, headers - 4, () => {}],
    ['no header at all', bytes, 0, () => {}],
    ['UDP with a longer header', udp.bytes, udp.headers + 4, () => {}],
    ['another protocol', ipv4(from, payload(132, new Uint8Array(2000))), 28, () => {}],
    ['a fragment', ipv4({ ...from, moreFragments: true }, payload(17, new Uint8Array(2000))), 28, () => {}],
    ['an IPv6 fragment', fragment6, 56, () => {}],
    ['one that has become a fragment', bytes, headers, (p) => p.view.setUint16(p.offset + 6, 0x2000)],
    ['one that has become another version', bytes, headers, (p) => p.view.setUint8(p.offset, 0x65)],
    ['a changed IPv4 header length', bytes, headers, (p) => p.view.setUint8(p.offset, 0x46)],
    ['a changed total length', bytes, headers, (p) => p.view.setUint16(p.offset + 2, 100)],
    ['a changed protocol', bytes, headers, (p) => p.view.setUint8(p.offset + 9, 17)],
    ['a data offset below 5', bytes, headers, (p) => p.view.setUint8(p.transport + 12, 0x40)],
    ['a changed data offset', bytes, headers, (p) => p.view.setUint8(p.transport + 12, 0xf0)],
    ['a changed IPv6 payload length', v6.bytes, v6.headers, (p) => p.view.setUint16(p.offset + 4, 100)],
    ['a changed IPv6 next header', v6.bytes, v6.headers, (p) => p.view.setUint8(p.offset + 6, 17)],
    ['IPv6 that has become IPv4', v6.bytes, v6.headers, (p) => p.view.setUint8(p.offset, 0x45)],
    ['a changed length', bytes, headers, (p) => Object.assign(p, { length: 3000 })],
    ['a length below its headers', bytes, headers, (p) => Object.assign(p, { length: 10 })],
    ['a moved offset', bytes, headers, (p) => Object.assign(p, { offset: p.offset + 4 })],
    ['an offset outside of its slot', bytes, headers, (p) => Object.assign(p, { offset: p.slotEnd + 1 })],
    ['one of another slot', bytes, headers, (p) => Object.assign(p, { offset: 5000, transport: 5020 })],
    ['an unparsed one', bytes, headers, (p) => Object.assign(p, { transport: 0, version: 0 })],
  ])('%s', (_name, packetBytes, segmentHeader, change) => {
    const packet = put(packetBytes, 1368, segmentHeader)
    change(packet)
    expect(cut(packet)).toBe('super-packet-malformed')
    packet.release()
  })

  test('at the end of the memory nothing behind it is read', () => {
    const small = new PacketPool({ slots: 0, jumboSlots: 1 })
    const packet = small.acquire(1)!
    const offset = small.memory.length - 4
    for (const length of [4, 100]) {
      small.memory.set([0x45, 0, 0, length], offset)
      Object.assign(packet, { offset, length, transport: offset + 20, version: 4, protocol: 6, segmentSize: 1 })
      expect(new Segmenter(small.sums).begin(packet)).toBe('super-packet-malformed')
    }
  })

  test('a packet of another pool', () => {
    const stranger = new PacketPool({ slots: 0, jumboSlots: 1 }).acquire(bytes.length)!
    stranger.memory.set(bytes, stranger.offset)
    stranger.length = bytes.length
    parseIp(stranger)
    stranger.segmentSize = 1368
    stranger.segmentHeader = headers
    expect(cut(stranger)).toBe('super-packet-malformed')
  })

  test('a super-packet of just as many segments as there may be is cut, of one more it is not', () => {
    for (const [size, expected] of [
      [MAXIMUM_SEGMENTS, undefined],
      [MAXIMUM_SEGMENTS + 1, 'super-packet-malformed'],
    ] as const) {
      const many = build(plainTcp, size)
      const packet = put(many.bytes, 1, many.headers)
      expect(segmenter.begin(packet)).toBe(expected)
      packet.release()
    }
  })

  test('hostile bytes never throw, and what surrounds a packet has no part in the outcome', () => {
    const start = fc.constantFrom(bytes, udp.bytes, v6.bytes)
    const pokes = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 })
    fc.assert(
      fc.property(start, pokes, fc.nat(2500), fc.nat(60), fc.nat(100), (whole, changes, length, size, header) => {
        const outcome = [0x00, 0xff].map((surroundings) => {
          const packet = pool.acquire(65_535)!
          packet.memory.fill(surroundings, packet.slotStart, packet.slotEnd)
          packet.memory.set(whole.subarray(0, length), packet.offset)
          packet.length = Math.min(length, whole.length)
          packet.view.setUint16(
            packet.offset + (whole === v6.bytes ? 4 : 2),
            packet.length - (whole === v6.bytes ? 40 : 0),
          )
          if (length < 6) packet.memory.fill(surroundings, packet.offset + length, packet.offset + 6)
          const parsed = parseIp(packet)
          packet.segmentSize = size * 30
          packet.segmentHeader =
            header % 3 === 0 ? header : packet.transport - packet.offset + (header % 3 === 1 ? 8 : 32)
          for (const [at, value] of changes) if (at < packet.length) packet.view.setUint8(packet.offset + at, value)
          const result = parsed ?? cut(packet)
          packet.release()
          return typeof result === 'string' ? result : result.map(hex)
        })
        expect(outcome[0]).toEqual(outcome[1])
      }),
      { numRuns: 1000 },
    )
  })
})
