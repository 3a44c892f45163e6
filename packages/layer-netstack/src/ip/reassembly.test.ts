import type { IpPacket, Peer } from '@millrace/core'
import { decodePacket, payload, SeededRandom, tcpSegment, udpSegment } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutAt, fragmentOf } from '../test-support/fragments.ts'
import { PacketDesk } from '../test-support/packet-desk.ts'
import { data, up } from '../test-support/packets.ts'
import { Reassembly } from './reassembly.ts'
import type { ReassemblyOptions } from './reassembly-options.ts'

const ports = { sourcePort: 5000, destinationPort: 53 }
const datagram = (family: 4 | 6, length: number, seed = 1): Uint8Array =>
  up(family, udpSegment(ports, data(length, seed)))

class Bench extends PacketDesk {
  readonly reassembly: Reassembly
  readonly drops: Record<string, number> = {}
  readonly timedOut: Uint8Array[] = []
  now = 0

  constructor(options: ReassemblyOptions = {}, jumboSlots = 4) {
    super({ slots: 64, jumboSlots })
    this.reassembly = new Reassembly(options, {
      pool: this.pool,
      random: this.surroundings.random,
      now: 0,
      drop: (reason, packets) => {
        this.drops[reason] = (this.drops[reason] ?? 0) + packets
      },
      timedOut: (first) => void this.timedOut.push(first.bytes().slice()),
    })
  }

  /** The reason, `held`, or the bytes of the whole datagram. */
  give(bytes: Uint8Array, peer?: Peer): string | Uint8Array {
    const result = this.deliver(
      bytes,
      (packet) => {
        const whole = this.reassembly.receive(packet, this.now)
        return typeof whole === 'object' ? this.#take(whole, peer) : whole
      },
      { peer },
    )
    return result ?? 'held'
  }

  giveAll(fragments: readonly Uint8Array[], peer?: Peer): (string | Uint8Array)[] {
    return fragments.map((bytes) => this.give(bytes, peer))
  }

  #take(whole: IpPacket, peer: Peer | undefined): Uint8Array {
    expect(whole.isFragment).toBe(false)
    expect(whole.peer).toBe(peer)
    const bytes = whole.bytes().slice()
    whole.release()
    return bytes
  }
}

/** What was sent before it was cut: an identification is all that may differ. */
function expectWhole(result: string | Uint8Array | undefined, whole: Uint8Array): void {
  expect(typeof result).toBe('object')
  const decoded = decodePacket(result as Uint8Array)
  expect({ ...decoded, id: 0 }).toEqual({ ...decodePacket(whole), id: 0 })
}

describe.each([4, 6] as const)('fragments over IPv%i', (family) => {
  const whole = datagram(family, 3000)
  const parts = cutAt(whole, [1200, 2400])

  test('become the datagram they were cut from, in order and out of it', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [2, 0, 1],
    ]) {
      const bench = new Bench()
      const results = bench.giveAll(order.map((i) => parts[i]!))
      expect(results.slice(0, 2)).toEqual(['held', 'held'])
      expectWhole(results[2], whole)
      expect([bench.reassembly.datagrams, bench.reassembly.bytes, bench.pool.inUse]).toEqual([0, 0, 0])
      expect(bench.reassembly.deadline).toBe(Number.POSITIVE_INFINITY)
    }
  })

  test('ip_reassembly: however cut, shuffled and repeated, of several datagrams at a time', () => {
    const cuts = fc.array(
      fc.integer({ min: 1, max: 490 }).map((eighth) => eighth * 8),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(fc.array(cuts, { minLength: 1, maxLength: 4 }), fc.integer(), (datagrams, seed) => {
        const bench = new Bench()
        const random = new SeededRandom(seed)
        const wholes = datagrams.map((_, i) => datagram(family, 1000 + i * 731, i))
        // A packet that is not cut at all is none for reassembly.
        const pieces = datagrams.map((cut, i) => cutAt(wholes[i]!, [8, ...cut], i))
        const arrivals = pieces.flatMap((fragments, i) => fragments.map((bytes) => ({ i, bytes })))
        const repeated = arrivals.filter(() => random.chance(0.3))
        // Repeated ones come before the last of their datagram has, else they would begin it anew.
        const shuffled = shuffle(arrivals, random)
        const done = new Set<number>()
        for (const { i, bytes } of shuffled) {
          const result = bench.give(bytes)
          if (typeof result !== 'string') {
            expectWhole(result, wholes[i]!)
            done.add(i)
            continue
          }
          expect(result).toBe('held')
          if (repeated.some((one) => one.bytes === bytes)) expect(bench.give(bytes)).toBe('fragment-repeated')
        }
        expect([done.size, bench.reassembly.bytes, bench.drops]).toEqual([datagrams.length, 0, {}])
      }),
      { numRuns: 25 },
    )
  })

  test('64 KB in packets of 1,420 bytes', () => {
    const bench = new Bench()
    const large = datagram(family, family === 4 ? 65_507 : 65_487)
    const cuts = Array.from({ length: 50 }, (_, i) => (i + 1) * 1368)
    expectWhole(bench.giveAll(cutAt(large, cuts)).at(-1), large)
  })

  test.each([
    ['overlaps the end of another', 1192, 2400],
    ['overlaps the begin of another', 1200, 2408],
    ['lies within another', 8, 16],
    ['covers another', 0, 1208],
    ['is another but for its bytes', 0, 1200],
  ])('ip_reassembly overlap: one that %s ends the datagram for good (RFC 5722)', (_what, from, to) => {
    const bench = new Bench()
    expect(bench.giveAll([parts[0]!, parts[2]!])).toEqual(['held', 'held'])
    const other = datagram(family, 3000, 99)
    expect(bench.give(fragmentOf(other, { from, to }))).toBe('fragment-overlap')
    expect(bench.drops).toEqual({ 'fragment-overlap': 2 })
    expect(bench.reassembly.bytes).toBe(0)
    expect(bench.giveAll(parts)).toEqual(['fragment-refused', 'fragment-refused', 'fragment-refused'])
    bench.now = 30_001
    bench.reassembly.advance(bench.now)
    expect(bench.timedOut).toEqual([])
    expectWhole(bench.giveAll(parts)[2], whole)
  })

  test.each([
    ['behind the end', { from: 3008, to: 3016, more: false }],
    ['that says that there is more where the end was', { from: 2992, to: 3008, more: true }],
    ['of the end, before what has come', { from: 1200, to: 1208, more: false }],
  ])('one %s ends the datagram', (_what, slice) => {
    const bench = new Bench()
    bench.giveAll([parts[0]!, parts[2]!])
    expect(bench.give(fragmentOf(datagram(family, 4000), slice))).toBe('fragment-overlap')
  })

  test('ip_reassembly dup: the same fragment twice is dropped and does no harm', () => {
    const bench = new Bench()
    expect(bench.giveAll([parts[2]!, parts[2]!, parts[0]!, parts[0]!])).toEqual([
      'held',
      'fragment-repeated',
      'held',
      'fragment-repeated',
    ])
    expectWhole(bench.give(parts[1]!), whole)
  })

  test('of different senders, identifications and peers are different datagrams', () => {
    const bench = new Bench()
    const [one, other] = [{ name: 'one' }, { name: 'other' }]
    expect(bench.give(parts[0]!, one)).toBe('held')
    expect(bench.give(parts[1]!, other)).toBe('held')
    expect(bench.give(parts[2]!, other)).toBe('held')
    expect(bench.give(fragmentOf(whole, { from: 1200, to: 2400, id: 78 }), one)).toBe('held')
    expect(bench.give(parts[2]!, one)).toBe('held')
    expect(bench.reassembly.datagrams).toBe(3)
    expectWhole(bench.give(parts[1]!, one), whole)
  })

  test('ipv4_fragment_icmp_error: what is not whole in time is forgotten, and told of if its begin had come', () => {
    const bench = new Bench()
    bench.giveAll([parts[0]!, parts[2]!])
    bench.now = 10
    bench.give(fragmentOf(whole, { from: 1200, to: 2400, id: 5 }))
    bench.now = 29_999
    bench.reassembly.advance(bench.now)
    expect(bench.reassembly.datagrams).toBe(2)
    bench.now = 30_000
    bench.reassembly.advance(bench.now)
    expect([bench.drops, bench.timedOut]).toEqual([{ 'fragment-timeout': 2 }, [parts[0]]])
    bench.now = 30_010
    bench.reassembly.advance(bench.now)
    expect([bench.drops, bench.timedOut.length]).toEqual([{ 'fragment-timeout': 3 }, 1])
    expect([bench.reassembly.bytes, bench.reassembly.deadline]).toEqual([0, Number.POSITIVE_INFINITY])
  })

  test.each([
    ['of nothing', { from: 8, to: 8, more: true }, 'fragment-invalid'],
    ['of odd length that is not the last', { from: 8, to: 21, more: true }, 'fragment-invalid'],
  ])('one %s is none', (_what, slice, reason) => {
    expect(new Bench().give(fragmentOf(whole, slice))).toBe(reason)
  })

  test('that hides the ports from who looks at the first only (RFC 1858, RFC 7112)', () => {
    const tcp = up(family, tcpSegment({ sourcePort: 1, destinationPort: 2 }, 'hello'))
    const bench = new Bench()
    expect(bench.give(fragmentOf(tcp, { from: 0, to: 16 }))).toBe('fragment-tiny')
    expect(bench.give(fragmentOf(tcp, { from: 0, to: 24 }))).toBe('held')
  })

  test('that would make more than 65,535 bytes (ping of death)', () => {
    const bench = new Bench()
    const last = fragmentOf(whole, { from: 0, to: 100, more: false })
    new DataView(last.buffer).setUint16(family === 4 ? 6 : 42, family === 4 ? 0x1fff : 0xfff8)
    if (family === 4) {
      const view = new DataView(last.buffer)
      view.setUint16(10, view.getUint16(10) - 0x1fff)
    }
    expect(bench.give(last)).toBe('fragment-too-large')
  })

  test('too many to a datagram end it', () => {
    const bench = new Bench()
    const cuts = Array.from({ length: 200 }, (_, i) => (i + 1) * 8)
    const results = bench.giveAll(cutAt(whole, cuts))
    expect(results.indexOf('fragment-too-many')).toBe(128)
    expect([bench.reassembly.bytes, results.at(-1)]).toEqual([0, 'fragment-refused'])
  })

  test('without a packet to put the whole into it is lost, and counted once for each fragment', () => {
    const bench = new Bench({}, 0)
    expect(bench.giveAll(parts)).toEqual(['held', 'held', 'pool-empty'])
    expect([bench.drops, bench.reassembly.datagrams, bench.reassembly.bytes]).toEqual([{ 'pool-empty': 2 }, 0, 0])
  })
})

describe('IPv6', () => {
  const whole = datagram(6, 100)
  const atomic = fragmentOf(whole, { from: 0, to: 108, more: false })

  test('a packet that is its only fragment is whole at once, whatever else is under way (RFC 6946)', () => {
    const bench = new Bench()
    bench.give(fragmentOf(datagram(6, 3000), { from: 0, to: 1200 }))
    expect(bench.give(atomic)).toEqual(whole)
    expect([bench.reassembly.datagrams, bench.pool.inUse]).toEqual([1, 0])
  })

  test('headers before the fragment header stay, but for what they say comes next', () => {
    const bench = new Bench()
    const large = datagram(6, 3000)
    const options = [0, 0, 1, 4, 0, 0, 0, 0]
    const withOptions = (bytes: Uint8Array): Uint8Array => {
      const inner = bytes[6]!
      const longer = Uint8Array.from([...bytes.subarray(0, 40), inner, ...options.slice(1), ...bytes.subarray(40)])
      longer[6] = 0
      new DataView(longer.buffer).setUint16(4, longer.length - 40)
      return longer
    }
    const results = bench.giveAll(cutAt(large, [1200]).map(withOptions))
    expect(results).toEqual(['held', withOptions(large)])
    expect(bench.give(withOptions(atomic))).toEqual(withOptions(whole))
  })

  test('a fragment of a fragment is none', () => {
    const nested = fragmentOf(atomic, { from: 0, to: 116, more: false })
    expect(new Bench().give(nested)).toBe('fragment-nested')
    expect(new Bench().giveAll(cutAt(fragmentOf(datagram(6, 1000), { from: 0, to: 1008 }), [504]))).toEqual([
      'held',
      'fragment-nested',
    ])
  })
})

test('IPv4: different protocols have identifications of their own, and a wrong header checksum is noticed', () => {
  const bench = new Bench()
  const icmp = up(4, payload(1, data(1000)))
  bench.give(fragmentOf(icmp, { from: 0, to: 504 }))
  expect(bench.give(fragmentOf(datagram(4, 1000), { from: 504, to: 1008 }))).toBe('held')
  const damaged = fragmentOf(icmp, { from: 504, to: 1000 })
  damaged[5] = 99
  expect(bench.give(damaged)).toBe('fragment-invalid')
})

describe('bounds', () => {
  const [greedy, modest] = [{ name: 'greedy' }, { name: 'modest' }]

  test('a peer that floods takes from itself only', () => {
    const bench = new Bench({ datagrams: 32, datagramsPerPeer: 8, bytes: 2 ** 19, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 3000)
    const [first, ...rest] = cutAt(whole, [1200, 2400], 1)
    bench.give(first!, modest)
    for (let id = 0; id < 1000; id++) bench.give(fragmentOf(whole, { from: 8, to: 2008, id }), greedy)
    expect(bench.reassembly.datagrams).toBe(9)
    expect(bench.reassembly.bytes).toBeLessThanOrEqual(2 ** 17 + 2 ** 11)
    expectWhole(bench.giveAll(rest, modest).at(-1), whole)
    expect(bench.drops).toEqual({ 'fragments-exhausted': 992 })
  })

  test('many who flood do not keep another from being served', () => {
    const bench = new Bench({ datagrams: 16, datagramsPerPeer: 8, bytes: 2 ** 18, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 3000)
    const crowd = Array.from({ length: 4 }, (_, i) => ({ name: `${i}` }))
    for (let id = 0; id < 400; id++) bench.give(fragmentOf(whole, { from: 8, to: 2008, id }), crowd[id % 4])
    expect(bench.reassembly.datagrams).toBe(16)
    expectWhole(bench.giveAll(cutAt(whole, [1200, 2400], 1), modest).at(-1), whole)
  })

  test('bytes: the oldest datagrams of whoever has most make room', () => {
    const bench = new Bench({ bytes: 2 ** 18, bytesPerPeer: 2 ** 18 })
    const whole = datagram(4, 60_000)
    const peers = Array.from({ length: 6 }, (_, i) => ({ name: `${i}` }))
    for (let i = 0; i < 60; i++) {
      bench.give(fragmentOf(whole, { from: 8, to: 60_000, id: i }), peers[i % 6])
      expect(bench.reassembly.bytes).toBeLessThanOrEqual(2 ** 18)
    }
    expect(bench.reassembly.datagrams).toBe(4)
  })

  test('bytes of one peer are bounded where there is room for more', () => {
    const bench = new Bench({ bytes: 2 ** 20, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 60_000)
    for (let id = 0; id < 10; id++) {
      bench.give(fragmentOf(whole, { from: 8, to: 60_000, id }), greedy)
      expect(bench.reassembly.bytes).toBeLessThanOrEqual(2 ** 17)
    }
    expect(bench.drops).toEqual({ 'fragments-exhausted': 8 })
  })

  test('a datagram that has most already does not grow at the cost of others', () => {
    const bench = new Bench({ bytes: 2 ** 17, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 65_000)
    bench.give(fragmentOf(whole, { from: 8, to: 45_008, id: 1 }), modest)
    bench.give(fragmentOf(whole, { from: 8, to: 30_008, id: 2 }), { name: 'third' })
    const before = bench.reassembly.bytes
    bench.give(fragmentOf(whole, { from: 8, to: 50_008, id: 3 }), greedy)
    expect(bench.give(fragmentOf(whole, { from: 50_008, to: 65_008, id: 3 }), greedy)).toBe('fragments-exhausted')
    expect([bench.reassembly.bytes, bench.reassembly.datagrams]).toEqual([before, 3])
  })

  test('hostile fragments never throw, and memory stays within bounds', () => {
    const options = { datagrams: 16, datagramsPerPeer: 8, bytes: 2 ** 17, bytesPerPeer: 2 ** 17, lifetime: 100 }
    const peers = [undefined, greedy, modest]
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const bench = new Bench(options)
        const random = new SeededRandom(seed)
        const below = (limit: number): number => random.uint32() % limit
        for (let i = 0; i < 300; i++) {
          const family = random.chance(0.5) ? 4 : 6
          const from = below(20) * 8
          const to = from + (random.chance(0.1) ? below(50) : (1 + below(20)) * 8)
          const id = below(6)
          const bytes = fragmentOf(datagram(family, 300, below(2)), { from, to, id, more: random.chance(0.7) })
          if (random.chance(0.2)) bytes[below(bytes.length)] = below(256)
          bench.give(random.chance(0.05) ? bytes.subarray(0, below(bytes.length)) : bytes, peers[below(3)])
          bench.now += below(20)
          if (random.chance(0.3)) bench.reassembly.advance(bench.now)
          expect(bench.reassembly.bytes).toBeLessThanOrEqual(options.bytes)
          expect(bench.reassembly.datagrams).toBeLessThanOrEqual(options.datagrams)
        }
        bench.reassembly.advance(bench.now + options.lifetime + 1)
        expect([bench.reassembly.datagrams, bench.reassembly.bytes, bench.pool.inUse]).toEqual([0, 0, 0])
      }),
      { numRuns: 20 },
    )
  })

  test('options that cannot be are named', () => {
    expect(() => new Bench({ datagrams: 0 })).toThrow('reassembly datagrams: expected a whole number from 1 to 65536')
    expect(() => new Bench({ bytes: 2 ** 17 })).toThrow('reassembly bytesPerPeer: expected no more than bytes')
  })
})

function shuffle<T>(items: readonly T[], random: SeededRandom): T[] {
  return items
    .map((item) => ({ item, order: random.uint32() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
