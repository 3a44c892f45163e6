import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIp } from '../ip/parse-ip.ts'
import type { Peer } from '../packet/packet.ts'
import { PacketPool } from '../packet/pool.ts'
import type { PooledPacket } from '../packet/pooled-packet.ts'
import { slowChecksum } from '../testing/packets.ts'
import { SeededRandom } from '../testing/seeded-random.ts'
import { type Arrival, cutSlowly, joinSlowly, madeRight } from '../testing/slow-segments.ts'
import { ALONE, JOINED, Joiner, STARTS } from './joiner.ts'
import { Segmenter } from './segmenter.ts'

const pool = new PacketPool({ slots: 2, jumboSlots: 64 })
const joiner = new Joiner(pool.sums)
const segmenter = new Segmenter(pool.sums)
const peers: Record<string, Peer> = { a: { name: 'a' }, b: { name: 'b' } }
const inbox = pool.acquire(65_535)!
const outbox = pool.acquire(65_535)!

/** To compare packets by: a matcher takes its time over arrays. */
function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** A packet that came out: which arrivals it stands for, and what it is. */
interface Outcome {
  readonly from: number[]
  readonly bytes: Uint8Array
  readonly segmentSize: number
  readonly segmentHeader: number
  /** What the segmenter makes of it. */
  readonly segments: readonly Uint8Array[]
}

/** One round, as a layer does it. */
function join(arrivals: readonly Arrival[], wanted = { tcp: true, udp: true }): Outcome[] {
  joiner.tcp = wanted.tcp
  joiner.udp = wanted.udp
  const packets: { from: number[]; packet?: PooledPacket; bytes?: Uint8Array }[] = []
  for (const [i, arrival] of arrivals.entries()) {
    const { peer, bytes } = arrival
    inbox.memory.set(bytes, inbox.offset)
    const joined = joiner.add(peers[peer]!, inbox.offset, bytes.length)
    const from = [i]
    if (joined === JOINED) joinedTo(packets, arrival).from.push(i)
    else if (joined === ALONE) packets.push({ from, bytes })
    else {
      const packet = pool.acquire(65_535)!
      packet.memory.set(bytes, packet.offset)
      packet.length = bytes.length
      packet.peer = peers[peer]
      joiner.hold(packet)
      packets.push({ from, packet })
    }
    inbox.memory.fill(0xee, inbox.offset, inbox.offset + bytes.length)
  }
  joiner.finish()
  return packets.map(({ from, packet, bytes }) => {
    if (packet === undefined) return { from, bytes: bytes!, segmentSize: 0, segmentHeader: 0, segments: [bytes!] }
    const { segmentSize, segmentHeader } = packet
    const outcome = { from, bytes: packet.bytes().slice(), segmentSize, segmentHeader, segments: cut(packet) }
    packet.release()
    return outcome
  })
}

/** The last packet of the same flow: of the same peer, protocol, addresses and ports. */
function joinedTo<P extends { packet?: PooledPacket }>(packets: P[], { peer, bytes }: Arrival): P {
  const flow = (packet: Uint8Array): string => {
    if (packet[0]! >> 4 === 4) return `${packet[9]} ${packet.subarray(12, 24)}`
    return `${packet[6]} ${packet.subarray(8, 44)}`
  }
  const isOfFlow = (packet: PooledPacket): boolean =>
    packet.peer === peers[peer] && flow(packet.memory.subarray(packet.offset)) === flow(bytes)
  return packets.findLast(({ packet }) => packet !== undefined && isOfFlow(packet))!
}

function cut(packet: PooledPacket): Uint8Array[] {
  if (packet.segmentSize === 0) return [packet.bytes().slice()]
  expect(parseIp(packet)).toBeUndefined()
  expect(segmenter.begin(packet)).toBeUndefined()
  return Array.from({ length: segmenter.count }, (_, i) => {
    const length = segmenter.write(i, outbox.offset)
    return outbox.memory.slice(outbox.offset, outbox.offset + length)
  })
}

/** What a segment may have; the tests change one thing or another. */
interface Fields {
  family: 4 | 6
  isTcp: boolean
  ports: [number, number]
  host: number
  sequence: number
  acknowledgment: number
  flags: number
  window: number
  urgent: number
  options: number[]
  id: number
  dontFragment: boolean
  tos: number
  flowLabel: number
  ttl: number
  size: number
  /** Bytes written over it before its checksums are made right, and after. */
  pokes: [at: number, value: number][]
  corrupt: [at: number, value: number][]
  padding: number
}

const usual: Fields = {
  family: 4,
  isTcp: true,
  ports: [40_000, 443],
  host: 1,
  sequence: 1000,
  acknowledgment: 77,
  flags: 0x10,
  window: 501,
  urgent: 0,
  options: [1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4],
  id: 9,
  dontFragment: true,
  tos: 0,
  flowLabel: 0,
  ttl: 64,
  size: 100,
  pokes: [],
  corrupt: [],
  padding: 0,
}

function build(fields: Partial<Fields>): Uint8Array {
  const f = { ...usual, ...fields }
  const word = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
  const long = (value: number): number[] => [...word(value >>> 16), ...word(value)]
  const payload = new Uint8Array(f.size)
  new SeededRandom(f.sequence + f.id + f.size).fill(payload)
  const offset = ((20 + f.options.length) / 4) << 12
  const tcp = [
    ...long(f.sequence),
    ...long(f.acknowledgment),
    ...word(offset | f.flags),
    ...word(f.window),
    0,
    0,
    ...word(f.urgent),
  ]
  const transport = [...f.ports.flatMap(word), ...(f.isTcp ? [...tcp, ...f.options] : [0, 0, 0, 0])]
  const protocol = f.isTcp ? 6 : 17
  const v4 = [
    0x45,
    f.tos,
    0,
    0,
    ...word(f.id),
    f.dontFragment ? 0x40 : 0,
    0,
    f.ttl,
    protocol,
    0,
    0,
    10,
    0,
    0,
    f.host,
    198,
    51,
    100,
    7,
  ]
  const address = [0xfd, ...new Array<number>(14).fill(0)]
  const v6 = [
    ...long(0x6000_0000 + f.tos * 2 ** 20 + f.flowLabel),
    0,
    0,
    protocol,
    f.ttl,
    ...address,
    f.host,
    ...address,
    9,
  ]
  const ip = f.family === 4 ? v4 : v6
  const bytes = Uint8Array.from([...ip, ...transport, ...payload])
  for (const [at, value] of f.pokes) bytes[at] = value
  const right = madeRight(bytes, ip.length, protocol)
  for (const [at, value] of f.corrupt) right[at]! ^= value
  return Uint8Array.from([...right, ...new Uint8Array(f.padding)])
}

/** Segments that follow one on the other, each with changes of its own. */
function train(common: Partial<Fields>, ...each: Partial<Fields>[]): Arrival[] {
  let sequence = common.sequence ?? usual.sequence
  let id = common.id ?? usual.id
  return each.map((own) => {
    const fields = { ...usual, ...common, sequence, id, ...own }
    sequence = (sequence + fields.size) >>> 0
    id = (id + 1) & 0xffff
    return { peer: 'a', bytes: build(fields) }
  })
}

const groups = (outcomes: Outcome[]): number[][] => outcomes.map(({ from }) => from)
const kinds = fc.record({ family: fc.constantFrom(4 as const, 6 as const), isTcp: fc.boolean() })
const all = [
  { family: 4, isTcp: true },
  { family: 4, isTcp: false },
  { family: 6, isTcp: true },
  { family: 6, isTcp: false },
] as const

describe.each(all)('segments of one flow, IPv$family, TCP: $isTcp', (kind) => {
  test('become one packet, with right lengths, that stands for the very same packets', () => {
    const arrivals = train({ ...kind, padding: 7 }, {}, {}, {}, { size: 40 })
    const [outcome, ...more] = join(arrivals) as [Outcome]
    expect(more).toEqual([])
    const headers = (kind.family === 4 ? 20 : 40) + (kind.isTcp ? 32 : 8)
    expect(outcome).toMatchObject({ from: [0, 1, 2, 3], segmentSize: 100, segmentHeader: headers })
    const { bytes } = outcome
    expect(bytes).toHaveLength(headers + 340)
    if (kind.family === 4) {
      expect(bytes[2]! * 256 + bytes[3]!).toBe(bytes.length)
      expect(slowChecksum(bytes.subarray(0, 20))).toBe(0)
    } else expect(bytes[4]! * 256 + bytes[5]!).toBe(bytes.length - 40)
    const length = headers - 8 + 4
    if (!kind.isTcp) expect(bytes[length]! * 256 + bytes[length + 1]!).toBe(348)
    const expected = arrivals.map((arrival) => hex(arrival.bytes.subarray(0, arrival.bytes.length - 7)))
    expect(outcome.segments.map(hex)).toEqual(expected)
  })

  test('one alone stays as it came, padding and all', () => {
    const [only] = train({ ...kind, padding: 5 }, {}) as [Arrival]
    const [outcome] = join([only]) as [Outcome]
    expect(outcome).toMatchObject({ from: [0], segmentSize: 0, segmentHeader: 0 })
    expect(hex(outcome.bytes)).toBe(hex(only.bytes))
  })

  test('are not joined when it is switched off', () => {
    expect(groups(join(train(kind, {}, {}), { tcp: !kind.isTcp, udp: kind.isTcp }))).toEqual([[0], [1]])
  })

  test('never become more than an IP packet can be', () => {
    const outcomes = join(train({ ...kind, size: 1300 }, ...new Array<object>(60).fill({})))
    const most = Math.floor((65_535 - (outcomes[0] as Outcome).segmentHeader) / 1300)
    expect(groups(outcomes).map((from) => from.length)).toEqual([most, 60 - most])
  })
})

describe('what is joined', () => {
  test('the sequence number goes round', () => {
    expect(groups(join(train({ sequence: 0xffff_ff80 }, {}, {}, {})))).toEqual([[0, 1, 2]])
  })

  test('the IPv4 identification goes round; without DF it must count', () => {
    const counting = { dontFragment: false, id: 0xffff, isTcp: false }
    expect(groups(join(train(counting, {}, {}, {})))).toEqual([[0, 1, 2]])
    expect(groups(join(train(counting, {}, { id: 1 }, { id: 2 })))).toEqual([[0], [1, 2]])
    expect(groups(join(train({ ...counting, dontFragment: true }, {}, { id: 500 }, { id: 3 })))).toEqual([[0, 1, 2]])
  })

  test('PSH ends it, and is in the joined packet', () => {
    const outcomes = join(train({}, {}, { flags: 0x18 }, {}, {}))
    expect(groups(outcomes)).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(outcomes.map(({ bytes }) => bytes[33])).toEqual([0x18, 0x10])
    expect(groups(join(train({}, { flags: 0x18 }, {}, {})))).toEqual([[0], [1, 2]])
  })

  test('a shorter one ends it, a longer one is the first of the next', () => {
    expect(groups(join(train({}, {}, { size: 99 }, {}, {})))).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(groups(join(train({}, {}, { size: 101 }, { size: 101 })))).toEqual([[0], [1, 2]])
  })

  test('64 UDP datagrams and no more; 2,048 TCP segments', () => {
    const many = (count: number): object[] => new Array<object>(count).fill({})
    expect(groups(join(train({ isTcp: false }, ...many(70)))).map((from) => from.length)).toEqual([64, 6])
    expect(groups(join(train({ size: 1 }, ...many(2050)))).map((from) => from.length)).toEqual([2048, 2])
  })

  test('flows that come mixed, up to eight at a time; of nine the one that began first goes', () => {
    const flows = (count: number): Arrival[] => {
      const trains = Array.from({ length: count }, (_, i) => train({ ports: [1000 + i, 80] }, {}, {}))
      return [0, 1].flatMap((i) => trains.map((arrivals) => arrivals[i]!))
    }
    expect(groups(join(flows(8)))).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i, i + 8]))
    expect(groups(join(flows(9)))[0]).toEqual([0])
  })

  test('a place that is free again is taken before one that is not', () => {
    const long = train({}, {}, {})
    const short = Array.from({ length: 20 }, (_, i) => train({ ports: [i, 1] }, {}, { flags: 0x18 })).flat()
    expect(groups(join([long[0]!, ...short, long[1]!]))[0]).toEqual([0, 41])
  })

  test('where there was no packet to hold it in, nothing is held', () => {
    const [first, second] = train({}, {}, {}) as [Arrival, Arrival]
    for (const { bytes } of [first, second]) {
      inbox.memory.set(bytes, inbox.offset)
      expect(joiner.add(peers['a']!, inbox.offset, bytes.length)).toBe(STARTS)
    }
    joiner.finish()
  })

  test('hold without a packet that starts something does nothing', () => {
    const alone = train({}, { flags: 0x11 })[0] as Arrival
    inbox.memory.set(alone.bytes, inbox.offset)
    expect(joiner.add(peers['a']!, inbox.offset, alone.bytes.length)).toBe(ALONE)
    const packet = pool.acquire(65_535)!
    packet.length = 60
    joiner.hold(packet)
    joiner.finish()
    expect([packet.length, packet.segmentSize]).toEqual([60, 0])
    packet.release()
  })

  test('a packet without room behind it is not written beyond its end', () => {
    const small = pool.acquire(1)!
    expect(small.slotEnd - small.slotStart).toBe(2048)
    const arrivals = train({ size: 900 }, {}, {}, {})
    const results = arrivals.map(({ bytes }, i) => {
      inbox.memory.set(bytes, inbox.offset)
      const joined = joiner.add(peers['a']!, inbox.offset, bytes.length)
      if (i === 0) {
        small.memory.set(bytes, small.offset)
        small.length = bytes.length
        small.peer = peers['a']
        joiner.hold(small)
      }
      return joined
    })
    joiner.finish()
    expect(results).toEqual([STARTS, JOINED, STARTS])
    expect(small.tailroom).toBeGreaterThanOrEqual(0)
    small.release()
  })
})

describe('what is not joined, and keeps its place in its flow', () => {
  const tcp: [string, Partial<Fields>][] = [
    ['another host', { host: 2 }],
    ['another port', { ports: [40_000, 444] }],
    ['another family', { family: 6 }],
    ['UDP of the same ports', { isTcp: false }],
    ['a gap', { sequence: 1101 }],
    ['a repetition', { sequence: 1000 }],
    ['another acknowledgment', { acknowledgment: 78 }],
    ['another window', { window: 502 }],
    ['another time stamp', { options: [1, 1, 8, 10, 0, 0, 1, 3, 0, 0, 3, 4] }],
    ['fewer options', { options: [] }],
    ['another type of service', { tos: 1 }],
    ['another TTL', { ttl: 63 }],
    ['no DF', { dontFragment: false }],
    ['an urgent pointer', { urgent: 1 }],
    ['no ACK', { flags: 0 }],
    ...[0x01, 0x02, 0x04, 0x20, 0x40, 0x80, 0x100, 0x200, 0x800].map((flag): [string, Partial<Fields>] => [
      `the flag 0x${flag.toString(16)}`,
      { flags: 0x10 | flag },
    ]),
    ['no payload', { size: 0 }],
    ['MF', { pokes: [[6, 0x60]] }],
    ['the reserved bit', { pokes: [[6, 0xc0]] }],
    ['a fragment offset', { pokes: [[7, 1]] }],
    ['a data offset behind the end', { pokes: [[32, 0xf0]], size: 20 }],
    ['a data offset below 5', { pokes: [[32, 0x40]] }],
    ['a wrong IPv4 header checksum', { corrupt: [[10, 1]] }],
    ['a TTL that its checksum does not cover', { corrupt: [[8, 1]] }],
    ['a wrong TCP checksum', { corrupt: [[36, 1]] }],
    ['a corrupt payload', { corrupt: [[99, 0x10]] }],
    ['a corrupt last byte', { corrupt: [[151, 0x80]] }],
    ['a total length beyond its end', { corrupt: [[2, 1]] }],
  ]

  test.each(tcp)('TCP: %s', (_, change) => {
    const arrivals = train({}, {}, change, {})
    const outcomes = join(arrivals)
    expect(groups(outcomes).flat()).toEqual([0, 1, 2])
    expect(outcomes[0]!.from).toEqual([0])
    expect(outcomes.flatMap(({ segments }) => segments).map(hex)).toEqual(arrivals.map(({ bytes }) => hex(bytes)))
  })

  test('two alike with a data offset below 5, which makes payload of the end of the header', () => {
    const short: Partial<Fields> = { options: [], pokes: [[32, 0x40]] }
    expect(groups(join(train(short, {}, { sequence: usual.sequence + usual.size + 4 })))).toEqual([[0], [1]])
  })

  test.each<[string, Partial<Fields>]>([
    ['an urgent pointer', { urgent: 1 }],
    ['the flag SYN', { flags: 0x12 }],
    ['the flag ECE', { flags: 0x50 }],
    ['the flag NS', { flags: 0x110 }],
    ['no ACK', { flags: 0 }],
    ['the reserved bit', { pokes: [[6, 0xc0]] }],
    ['IPv4 options', { pokes: [[0, 0x46]] }],
  ])('two alike with %s', (_, common) => {
    expect(groups(join(train(common, {}, {})))).toEqual([[0], [1]])
  })

  test.each<[string, Partial<Fields>]>([
    ['another type of service', { tos: 1 }],
    ['another flow label', { flowLabel: 1 }],
    ['another hop limit', { ttl: 63 }],
    [
      'no checksum',
      {
        corrupt: [
          [46, 0xff],
          [47, 0xff],
        ],
      },
    ],
    ['a wrong checksum', { corrupt: [[46, 1]] }],
    ['a corrupt payload', { corrupt: [[50, 1]] }],
    ['a UDP length that is not that of the packet', { corrupt: [[45, 1]] }],
    ['no payload', { size: 0 }],
    ['an extension header', { pokes: [[6, 60]] }],
  ])('UDP over IPv6: %s', (_, change) => {
    expect(join(train({ family: 6, isTcp: false }, {}, change))[0]!.from).toEqual([0])
  })

  test('another peer, whatever it says about where it comes from', () => {
    const [first, second, third] = train({}, {}, {}, {}) as [Arrival, Arrival, Arrival]
    expect(groups(join([first, { ...second, peer: 'b' }, second, third]))).toEqual([[0, 2, 3], [1]])
  })

  test('UDP without a checksum, IPv4', () => {
    const bare = train({ isTcp: false }, {}, {}).map(({ peer, bytes }) => ({ peer, bytes: bytes.fill(0, 26, 28) }))
    expect(groups(join(bare))).toEqual([[0], [1]])
  })

  test('a fragment between the same hosts ends their flows, and no others', () => {
    const mine = train({ isTcp: false }, {}, {})
    const other = train({ isTcp: false, host: 2 }, {}, {})
    const fragment = train({ isTcp: false }, { pokes: [[6, 0x20]] })[0]!
    expect(groups(join([mine[0]!, other[0]!, fragment, mine[1]!, other[1]!]))).toEqual([[0], [1, 4], [2], [3]])
  })

  test('the other zero of one’s complement, which could not be made again', () => {
    // Sums to 0, so the checksum is 0 and a receiver would take 0xffff as well.
    const zero = (fields: Partial<Fields>): Arrival => {
      const bytes = build(fields)
      const checksum = bytes.slice(36, 38)
      bytes.fill(0, 36, 38)
      bytes.set(checksum, 52)
      return { peer: 'a', bytes: madeRight(Uint8Array.from([...bytes.slice(0, 52), 0, 0, ...bytes.slice(54)]), 20, 6) }
    }
    const arrivals = [zero({}), zero({ sequence: 1100, id: 10 })].map(({ peer, bytes }) => {
      bytes.set(bytes.slice(36, 38), 52)
      return { peer, bytes: madeRight(bytes, 20, 6) }
    })
    expect(arrivals.map(({ bytes }) => hex(bytes.subarray(36, 38)))).toEqual(['0000', '0000'])
    expect(groups(join(arrivals))).toEqual([[0, 1]])
    for (const { bytes } of arrivals) bytes.fill(0xff, 36, 38)
    expect(groups(join(arrivals))).toEqual([[0], [1]])
  })
})

describe('with any packets', () => {
  const change: fc.Arbitrary<Partial<Fields>> = fc.oneof(
    { weight: 12, arbitrary: fc.constant({}) },
    fc.record({ size: fc.nat(102) }),
    fc.record({ flags: fc.constantFrom(0x18, 0x18, 0x11, 0x90, 0x50) }),
    fc.record({ sequence: fc.constantFrom(1000, 1100) }),
    fc.constantFrom<Partial<Fields>>(
      { window: 7 },
      { acknowledgment: 1 },
      { tos: 2 },
      { ttl: 3 },
      { options: [] },
      { id: 4 },
    ),
    fc.constant({ dontFragment: false }),
    fc.record({ corrupt: fc.tuple(fc.tuple(fc.nat(60), fc.constantFrom(1, 0x80, 0x20))) }),
    fc.record({ pokes: fc.tuple(fc.tuple(fc.nat(60), fc.nat(255))) }),
  )
  const flow = fc.tuple(
    kinds,
    fc.boolean(),
    fc.constantFrom('a', 'b'),
    fc.array(change, { minLength: 1, maxLength: 12 }),
  )
  const arrivals = fc
    .tuple(fc.array(flow, { minLength: 1, maxLength: 10 }), fc.nat(), fc.nat(1))
    .map(([flows, seed, samePorts]) => {
      const random = new SeededRandom(seed)
      const trains = flows.map(([kind, dontFragment, peer, changes], i) => {
        const ports: [number, number] = [samePorts === 0 ? 5 : i, 80]
        return train({ ...kind, dontFragment, ports }, ...changes).map(({ bytes }) => ({ peer, bytes }))
      })
      const mixed: Arrival[] = []
      while (trains.some((left) => left.length > 0)) {
        const next = trains[random.uint32() % trains.length]?.shift()
        if (next !== undefined) mixed.push(next)
      }
      return mixed
    })

  test('joins what its slow twin joins, and cutting gives the same packets back', () => {
    fc.assert(
      fc.property(arrivals, fc.boolean(), fc.boolean(), (packets, tcp, udp) => {
        const outcomes = join(packets, { tcp, udp })
        expect(groups(outcomes)).toEqual(joinSlowly(packets, { tcp, udp }))
        for (const { from, segments, bytes, segmentSize, segmentHeader } of outcomes) {
          const originals = from.map((i) => hexButAtomicId(packets[i]!.bytes))
          expect(segments.map(hexButAtomicId)).toEqual(originals)
          if (segmentSize === 0) continue
          const at = bytes[0]! >> 4 === 4 ? 20 : 40
          expect(segmentHeader - at).toBe(bytes[at === 20 ? 9 : 6] === 6 ? (bytes[at + 12]! >> 4) * 4 : 8)
          expect(cutSlowly(bytes, segmentSize, at, bytes[at === 20 ? 9 : 6]!).map(hex)).toEqual(segments.map(hex))
        }
      }),
      { numRuns: 250 },
    )
  })

  /** The identification of a packet with DF, and the checksum over it, may change. */
  function hexButAtomicId(bytes: Uint8Array): string {
    if (bytes[0] !== 0x45 || (bytes[6]! & 0x40) === 0) return hex(bytes)
    return `${hex(bytes.subarray(0, 4))}${hex(bytes.subarray(6, 10))}${hex(bytes.subarray(12))}`
  }

  test('hostile bytes never throw, and what surrounds a packet has no part in the outcome', () => {
    const noise = fc.uint8Array({ maxLength: 80 })
    const cutShort = fc.tuple(arrivals, fc.nat(200)).map(([packets, length]) => packets[0]!.bytes.subarray(0, length))
    const versioned = fc.tuple(noise, fc.constantFrom(0x45, 0x46, 0x44, 0x4f, 0x60)).map(([bytes, first]) => {
      if (bytes.length > 0) bytes[0] = first
      return bytes
    })
    fc.assert(
      fc.property(fc.array(fc.oneof(noise, cutShort, versioned), { maxLength: 12 }), (all) => {
        const outcome = [0x00, 0xff, 0x45].map((surroundings) => {
          const held: PooledPacket[] = []
          const results = all.map((bytes) => {
            inbox.memory.fill(surroundings, inbox.slotStart, inbox.slotStart + 1024)
            inbox.memory.set(bytes, inbox.offset)
            const joined = joiner.add(peers['a']!, inbox.offset, bytes.length)
            if (joined === STARTS) {
              const packet = pool.acquire(65_535)!
              packet.memory.set(bytes, packet.offset)
              packet.length = bytes.length
              packet.peer = peers['a']
              joiner.hold(packet)
              held.push(packet)
            }
            return joined
          })
          joiner.finish()
          const packets = held.map((packet) => hex(packet.bytes()))
          for (const packet of held) packet.release()
          return { results, packets }
        })
        expect(outcome[1]).toEqual(outcome[0])
        expect(outcome[2]).toEqual(outcome[0])
      }),
      { numRuns: 300 },
    )
    expect(pool.inUse).toBe(2)
  })
})
