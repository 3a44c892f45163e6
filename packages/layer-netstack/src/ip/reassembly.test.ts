import { payload, SeededRandom, tcpSegment } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutAt, fragmentOf } from '../test-support/fragments.ts'
import { data, up } from '../test-support/packets.ts'
import { contentOf, datagram, ReassemblyBench } from '../test-support/reassembly-bench.ts'

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
      const bench = new ReassemblyBench()
      const results = bench.giveAll(order.map((i) => parts[i]!))
      expect(results.slice(0, 2)).toEqual(['held', 'held'])
      expect(contentOf(results[2])).toEqual(contentOf(whole))
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
        const bench = new ReassemblyBench()
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
            expect(contentOf(result)).toEqual(contentOf(wholes[i]!))
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
    const bench = new ReassemblyBench()
    const large = datagram(family, family === 4 ? 65_507 : 65_487)
    const cuts = Array.from({ length: 50 }, (_, i) => (i + 1) * 1368)
    expect(contentOf(bench.giveAll(cutAt(large, cuts)).at(-1))).toEqual(contentOf(large))
  })

  test.each([
    ['overlaps the end of another', 1192, 2400],
    ['overlaps the begin of another', 1200, 2408],
    ['lies within another', 8, 16],
    ['covers another', 0, 1208],
    ['is another but for its bytes', 0, 1200],
  ])('ip_reassembly overlap: one that %s ends the datagram for good (RFC 5722)', (_what, from, to) => {
    const bench = new ReassemblyBench()
    expect(bench.giveAll([parts[0]!, parts[2]!])).toEqual(['held', 'held'])
    const other = datagram(family, 3000, 99)
    expect(bench.give(fragmentOf(other, { from, to }))).toBe('fragment-overlap')
    expect(bench.drops).toEqual({ 'fragment-overlap': 2 })
    expect(bench.reassembly.bytes).toBe(0)
    expect(bench.giveAll(parts)).toEqual(['fragment-refused', 'fragment-refused', 'fragment-refused'])
    bench.now = 30_001
    bench.reassembly.advance(bench.now)
    expect(bench.timedOut).toEqual([])
    expect(contentOf(bench.giveAll(parts)[2])).toEqual(contentOf(whole))
  })

  test.each([
    ['behind the end', { from: 3008, to: 3016, more: false }],
    ['that says that there is more where the end was', { from: 2992, to: 3008, more: true }],
    ['of the end, before what has come', { from: 1200, to: 1208, more: false }],
  ])('one %s ends the datagram', (_what, slice) => {
    const bench = new ReassemblyBench()
    bench.giveAll([parts[0]!, parts[2]!])
    expect(bench.give(fragmentOf(datagram(family, 4000), slice))).toBe('fragment-overlap')
  })

  test('ip_reassembly dup: the same fragment twice is dropped and does no harm', () => {
    const bench = new ReassemblyBench()
    expect(bench.giveAll([parts[2]!, parts[2]!, parts[0]!, parts[0]!])).toEqual([
      'held',
      'fragment-repeated',
      'held',
      'fragment-repeated',
    ])
    expect(contentOf(bench.give(parts[1]!))).toEqual(contentOf(whole))
  })

  test('of different senders, identifications and peers are different datagrams', () => {
    const bench = new ReassemblyBench()
    const [one, other] = [{ name: 'one' }, { name: 'other' }]
    expect(bench.give(parts[0]!, one)).toBe('held')
    expect(bench.give(parts[1]!, other)).toBe('held')
    expect(bench.give(parts[2]!, other)).toBe('held')
    expect(bench.give(fragmentOf(whole, { from: 1200, to: 2400, id: 78 }), one)).toBe('held')
    expect(bench.give(parts[2]!, one)).toBe('held')
    expect(bench.reassembly.datagrams).toBe(3)
    expect(contentOf(bench.give(parts[1]!, one))).toEqual(contentOf(whole))
  })

  test('ipv4_fragment_icmp_error: what is not whole in time is forgotten, and told of if its begin had come', () => {
    const bench = new ReassemblyBench()
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
    expect(new ReassemblyBench().give(fragmentOf(whole, slice))).toBe(reason)
  })

  test('that hides the ports from who looks at the first only (RFC 1858, RFC 7112)', () => {
    const tcp = up(family, tcpSegment({ sourcePort: 1, destinationPort: 2 }, 'hello'))
    const bench = new ReassemblyBench()
    expect(bench.give(fragmentOf(tcp, { from: 0, to: 16 }))).toBe('fragment-tiny')
    expect(bench.give(fragmentOf(tcp, { from: 0, to: 24 }))).toBe('held')
  })

  test('that would make more than 65,535 bytes (ping of death)', () => {
    const bench = new ReassemblyBench()
    const last = fragmentOf(whole, { from: 0, to: 100, more: false })
    new DataView(last.buffer).setUint16(family === 4 ? 6 : 42, family === 4 ? 0x1fff : 0xfff8)
    if (family === 4) {
      const view = new DataView(last.buffer)
      view.setUint16(10, view.getUint16(10) - 0x1fff)
    }
    expect(bench.give(last)).toBe('fragment-too-large')
  })

  test('too many to a datagram end it', () => {
    const bench = new ReassemblyBench()
    const cuts = Array.from({ length: 200 }, (_, i) => (i + 1) * 8)
    const results = bench.giveAll(cutAt(whole, cuts))
    expect(results.indexOf('fragment-too-many')).toBe(128)
    expect([bench.reassembly.bytes, results.at(-1)]).toEqual([0, 'fragment-refused'])
  })

  test('without a packet to put the whole into it is lost, and counted once for each fragment', () => {
    const bench = new ReassemblyBench({}, 0)
    expect(bench.giveAll(parts)).toEqual(['held', 'held', 'pool-empty'])
    expect([bench.drops, bench.reassembly.datagrams, bench.reassembly.bytes]).toEqual([{ 'pool-empty': 2 }, 0, 0])
  })
})

describe('IPv6', () => {
  const whole = datagram(6, 100)
  const atomic = fragmentOf(whole, { from: 0, to: 108, more: false })

  test('a packet that is its only fragment is whole at once, whatever else is under way (RFC 6946)', () => {
    const bench = new ReassemblyBench()
    bench.give(fragmentOf(datagram(6, 3000), { from: 0, to: 1200 }))
    expect(bench.give(atomic)).toEqual(whole)
    expect([bench.reassembly.datagrams, bench.pool.inUse]).toEqual([1, 0])
  })

  test('headers before the fragment header stay, but for what they say comes next', () => {
    const bench = new ReassemblyBench()
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
    expect(new ReassemblyBench().give(nested)).toBe('fragment-nested')
    expect(new ReassemblyBench().giveAll(cutAt(fragmentOf(datagram(6, 1000), { from: 0, to: 1008 }), [504]))).toEqual([
      'held',
      'fragment-nested',
    ])
  })
})

test('IPv4: different protocols have identifications of their own, and a wrong header checksum is noticed', () => {
  const bench = new ReassemblyBench()
  const icmp = up(4, payload(1, data(1000)))
  bench.give(fragmentOf(icmp, { from: 0, to: 504 }))
  expect(bench.give(fragmentOf(datagram(4, 1000), { from: 504, to: 1008 }))).toBe('held')
  const damaged = fragmentOf(icmp, { from: 504, to: 1000 })
  damaged[5] = 99
  expect(bench.give(damaged)).toBe('fragment-invalid')
})

function shuffle<T>(items: readonly T[], random: SeededRandom): T[] {
  return items
    .map((item) => ({ item, order: random.uint32() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
