import { SeededRandom } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutAt, fragmentOf } from '../test-support/fragments.ts'
import { contentOf, datagram, ReassemblyBench } from '../test-support/reassembly-bench.ts'

describe('bounds', () => {
  const [greedy, modest] = [{ name: 'greedy' }, { name: 'modest' }]

  test('a peer that floods takes from itself only', () => {
    const bench = new ReassemblyBench({ datagrams: 32, datagramsPerPeer: 8, bytes: 2 ** 19, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 3000)
    const [first, ...rest] = cutAt(whole, [1200, 2400], 1)
    bench.give(first!, modest)
    for (let id = 0; id < 1000; id++) bench.give(fragmentOf(whole, { from: 8, to: 2008, id }), greedy)
    expect(bench.reassembly.datagrams).toBe(9)
    expect(bench.reassembly.bytes).toBeLessThanOrEqual(2 ** 17 + 2 ** 11)
    expect(contentOf(bench.giveAll(rest, modest).at(-1))).toEqual(contentOf(whole))
    expect(bench.drops).toEqual({ 'fragments-exhausted': 992 })
  })

  test('many who flood do not keep another from being served', () => {
    const bench = new ReassemblyBench({ datagrams: 16, datagramsPerPeer: 8, bytes: 2 ** 18, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 3000)
    const crowd = Array.from({ length: 4 }, (_, i) => ({ name: `${i}` }))
    for (let id = 0; id < 400; id++) bench.give(fragmentOf(whole, { from: 8, to: 2008, id }), crowd[id % 4])
    expect(bench.reassembly.datagrams).toBe(16)
    expect(contentOf(bench.giveAll(cutAt(whole, [1200, 2400], 1), modest).at(-1))).toEqual(contentOf(whole))
  })

  test('bytes: the oldest datagrams of whoever has most make room', () => {
    const bench = new ReassemblyBench({ bytes: 2 ** 18, bytesPerPeer: 2 ** 18 })
    const whole = datagram(4, 60_000)
    const peers = Array.from({ length: 6 }, (_, i) => ({ name: `${i}` }))
    for (let i = 0; i < 60; i++) {
      bench.give(fragmentOf(whole, { from: 8, to: 60_000, id: i }), peers[i % 6])
      expect(bench.reassembly.bytes).toBeLessThanOrEqual(2 ** 18)
    }
    expect(bench.reassembly.datagrams).toBe(4)
  })

  test('bytes of one peer are bounded where there is room for more', () => {
    const bench = new ReassemblyBench({ bytes: 2 ** 20, bytesPerPeer: 2 ** 17 })
    const whole = datagram(4, 60_000)
    for (let id = 0; id < 10; id++) {
      bench.give(fragmentOf(whole, { from: 8, to: 60_000, id }), greedy)
      expect(bench.reassembly.bytes).toBeLessThanOrEqual(2 ** 17)
    }
    expect(bench.drops).toEqual({ 'fragments-exhausted': 8 })
  })

  test('a datagram that has most already does not grow at the cost of others', () => {
    const bench = new ReassemblyBench({ bytes: 2 ** 17, bytesPerPeer: 2 ** 17 })
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
        const bench = new ReassemblyBench(options)
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
    expect(() => new ReassemblyBench({ datagrams: 0 })).toThrow(
      'reassembly datagrams: expected a whole number from 1 to 65536',
    )
    expect(() => new ReassemblyBench({ bytes: 2 ** 17 })).toThrow(
      'reassembly bytesPerPeer: expected no more than bytes',
    )
  })
})
