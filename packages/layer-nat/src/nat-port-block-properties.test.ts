import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NatOptions } from './options.ts'
import { Blocks, blockOf, from, type Kind } from './test-support/blocks.ts'

describe('port blocks of nat', () => {
  test.each<[string, Partial<NatOptions>, RegExp]>([
    ['none', { portBlocks: { size: 0 } }, /^nat portBlocks.size: expected a whole number from 1 to 32, got 0$/],
    ['larger than the range', { portBlocks: { size: 33 } }, /^nat portBlocks.size: .* from 1 to 32, got 33$/],
    [
      'too large to search',
      { ports: [1024, 65_535], portBlocks: { size: 8192 } },
      /^nat portBlocks.size: .* from 1 to 4096, got 8192$/,
    ],
    ['no block each', { portBlocks: { size: 8, perPeer: 0 } }, /^nat portBlocks.perPeer: .* from 1 to 256, got 0$/],
    [
      'more ports each than may be searched for every packet',
      { ports: [1024, 65_535], portBlocks: { size: 512, perPeer: 33 } },
      /^nat portBlocks: expected size × perPeer to be at most 16384 ports, got 512 × 33 = 16896$/,
    ],
    [
      'all reserved or forwarded',
      {
        ports: [4000, 4010],
        portBlocks: { size: 4 },
        reservedPorts: [4000, 4001, 4002, 4003, 4004],
        forwards: [{ protocol: 'tcp', port: [4005, 4007], to: '10.0.0.9' }],
      },
      /^nat portBlocks: expected a port of the 2 blocks of 203\.0\.113\.7 to be neither reserved nor forwarded$/,
    ],
    ['a log of nothing', { portBlocks: undefined as never }, /^nat portBlockLog: expected portBlocks with it/],
    ['a log without a rate', { portBlockLogRate: { perSecond: 0, burst: 1 } }, /^nat portBlockLogRate.perSecond: /],
  ])('is checked: %s', async (_name, options, message) => {
    await expect(Blocks.start(options)).rejects.toThrow(message)
  })

  test('no two peers share a block, whatever the traffic, and the log says who had which when', async () => {
    const step = fc.record({
      host: fc.integer({ min: 2, max: 7 }),
      kind: fc.constantFrom<Kind>('tcp', 'udp', 'icmp'),
      port: fc.nat(30),
      remote: fc.integer({ min: 1, max: 2 }),
      wait: fc.oneof(fc.constant(0), fc.nat(100_000)),
    })
    const configuration = fc.record({
      address: fc.constantFrom('203.0.113.7', ['203.0.113.1', '203.0.113.2']),
      pick: fc.constantFrom<'paired' | 'per-flow'>('paired', 'per-flow'),
      overflow: fc.constantFrom<'refuse' | 'next'>('refuse', 'next'),
      mapping: fc.constantFrom<NatOptions['mapping']>({}, 'endpoint-independent', 'address-dependent'),
      size: fc.constantFrom(1, 4, 8, 11),
      perPeer: fc.integer({ min: 1, max: 3 }),
      holdDown: fc.constantFrom(0, 30_000, 120_000),
    })
    await fc.assert(
      fc.asyncProperty(
        configuration,
        fc.array(step, { maxLength: 150, size: 'max' }),
        fc.nat(),
        async (given, steps, seed) => {
          const { size, perPeer, mapping, ...rest } = given
          const behaviours = mapping === undefined ? {} : { mapping, filtering: 'address-and-port-dependent' as const }
          const blocks = await Blocks.start({ ...rest, ...behaviours, portBlocks: { size, perPeer } }, seed)
          const owner = (end: string): string | undefined => {
            let found: string | undefined
            for (const { event, peer, address, first } of blocks.lines) {
              if (`${address}#${blockOf(first, size)}` === end) found = event === 'alloc' ? peer : undefined
            }
            return found
          }
          for (const { host, kind, port, remote, wait } of steps) {
            blocks.rig.clock.advance(wait)
            const end = blocks.send(from(host, kind, port, remote))
            if (end !== undefined) expect(owner(`${end.address}#${blockOf(end.port, size)}`)).toBe(`10.0.0.${host}`)
            const { inUse } = blocks.layer.statistics()!.portBlocks!
            const count = new Map<string, number>()
            for (const { peer, address } of inUse) {
              const key = `${String(peer)} ${address}`
              count.set(key, (count.get(key) ?? 0) + 1)
            }
            for (const number of count.values()) expect(number).toBeLessThanOrEqual(perPeer)
            for (const { peer, outside } of blocks.layer.mappings()) {
              expect(owner(`${outside.address}#${blockOf(outside.port, size)}`)).toBe(peer)
            }
          }
          // A block is given only when it is nobody's, and taken back from who has it.
          const holder = new Map<string, string>()
          for (const { event, peer, address, first, last } of blocks.lines) {
            const block = `${address}:${first}-${last}`
            expect(holder.get(block)).toBe(event === 'alloc' ? undefined : peer)
            if (event === 'alloc') holder.set(block, peer)
            else holder.delete(block)
          }
          for (const reason of blocks.rig.drops.keys())
            expect(['peer-ports-exhausted', 'blocks-exhausted']).toContain(reason)
          blocks.rig.clock.advance(1_000_000)
          blocks.layer.statistics()
          blocks.rig.clock.advance(given.holdDown)
          expect(blocks.layer.statistics()).toMatchObject({ peers: [], portBlocks: { inUse: [] } })
          expect(blocks.lines.filter(({ event }) => event === 'alloc').length * 2).toBe(blocks.lines.length)
        },
      ),
      { numRuns: 40 },
    )
  }, 30_000)

  test('a flood of one peer takes its own blocks alone', async () => {
    const blocks = await Blocks.start({
      ports: [1024, 65_535],
      portBlocks: { size: 4096, perPeer: 2 },
      sessions: 40_000,
    })
    let passed = 0
    for (let port = 1; port <= 20_000; port += 200) {
      blocks.rig.up(...Array.from({ length: 200 }, (_, i) => from(2, 'udp', port + i)))
      passed += blocks.rig.take().filter(({ direction }) => direction === 'up').length
    }
    expect(passed).toBe(8192)
    expect(blocks.lines.length).toBe(2)
    expect(blocks.send(from(3, 'udp', 1))).toBeDefined()
  })
})
