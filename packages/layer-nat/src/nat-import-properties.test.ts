import { LayerRig, packetFromText } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'
import { block, header, icmp, importing, tcp, traffic, udp } from './test-support/records.ts'

describe('importing into nat', () => {
  test('a source that fails leaves what came before, in order', async () => {
    const layer = nat({ address: '203.0.113.7', sessions: 64 })
    const rig = await LayerRig.start(layer)
    function* broken(): Generator<unknown> {
      yield* [header, udp]
      throw new Error('connection lost')
    }
    expect(() => layer.importSessions(broken())).toThrow('connection lost')
    expect([...layer.mappings()].length).toBe(1)
    rig.clock.advance(100_000)
    expect([...layer.mappings()].length).toBe(0)
  })

  test('a clock that was set back ages nothing, and no session lives longer than its timeout', async () => {
    const layer = nat({ address: '203.0.113.7', sessions: 64 })
    const rig = await LayerRig.start(layer)
    layer.importSessions([
      { ...header, time: '2030-01-01T00:00:00Z' },
      { ...udp, remaining: 1e12 },
    ])
    rig.clock.advance(299_999)
    expect([...layer.mappings()].length).toBe(1)
    rig.clock.advance(1)
    expect([...layer.mappings()].length).toBe(0)
  })

  test('between sessions that are there, each still ends in its turn', async () => {
    const layer = nat({ address: '203.0.113.7', sessions: 64 })
    const rig = await LayerRig.start(layer)
    const at = (port: number, remaining: number): object => ({
      ...udp,
      inside: { address: '10.0.0.9', port },
      outside: { address: '203.0.113.7', port: 2000 + port },
      remaining,
    })
    rig.up(packetFromText('UDP 10.0.0.9:500 > 198.51.100.7:53'))
    rig.clock.advance(50_000)
    rig.up(packetFromText('UDP 10.0.0.9:501 > 198.51.100.7:53'))
    // At 50 s: two that live until 300 s and 350 s. In no order:
    layer.importSessions([
      { ...header, time: '2026-01-01T00:00:50Z' },
      ...[3, 299, 1, 300, 2, 251, 249].map((s) => at(s, s * 1000)),
    ])
    const ends: number[] = []
    let before = [...layer.mappings()]
    expect(before.length).toBe(9)
    while (before.length > 0) {
      rig.clock.advance(500)
      const after = [...layer.mappings()]
      const gone = before.filter(({ inside }) => !after.some((row) => row.inside.port === inside.port))
      ends.push(...gone.map(({ inside }) => (inside.port < 500 ? inside.port : inside.port === 500 ? 250 : 300)))
      for (const end of ends.slice(-gone.length || ends.length)) expect(rig.clock.now()).toBe(50_000 + end * 1000)
      before = after
    }
    expect(ends).toEqual([1, 2, 3, 249, 250, 251, 299, 300, 300])
  })

  test('who writes the log of blocks sees the table as it is in the end, and no block that has not come', async () => {
    const seen: unknown[] = []
    const layer = nat({
      address: '203.0.113.7',
      ports: [4000, 4031],
      portBlocks: { size: 8 },
      portBlockLog: (line) => {
        const { event, first } = JSON.parse(line)
        seen.push([event, first, layer.statistics()?.portBlocks?.inUse.map(({ used }) => used)])
      },
    })
    const rig = await LayerRig.start(layer)
    const at = (host: number, port: number): object => ({
      ...udp,
      inside: { address: `10.0.0.${host}`, port: 1 },
      outside: { address: '203.0.113.7', port },
    })
    const given = [at(2, 4000), at(3, 4001), at(3, 4009), { ...block, first: 4016, last: 4023 }, at(4, 70_000)]
    expect(layer.importSessions([header, ...given])).toMatchObject({ sessions: 2, blocks: 1 })
    expect(seen).toEqual([4000, 4008, 4016].map((first) => ['alloc', first, [1, 0, 1]]))
    rig.clock.advance(300_000)
    expect(layer.statistics()?.sessions.udp).toBe(0)
  })

  test('a port that rests is given to nobody, one that has rested to whom it belongs', async () => {
    const layer = nat({ address: '203.0.113.7', ports: [4000, 4000], sessions: 64, holdDown: 1000 })
    const rig = await LayerRig.start(layer)
    rig.up(packetFromText('UDP 10.0.0.9:500 > 198.51.100.7:53'))
    rig.clock.advance(300_000)
    expect([...layer.mappings()]).toEqual([])
    const now = { ...header, time: '2026-01-01T00:05:00Z' }
    rig.clock.advance(999)
    expect(layer.importSessions([now, udp])).toMatchObject({ sessions: 0, refused: { 'port-unavailable': 1 } })
    rig.clock.advance(1)
    expect(layer.importSessions([now, udp])).toMatchObject({ sessions: 1, refused: {} })
  })

  test('random records: nothing thrown, nothing beyond the bounds, and nothing left in the end', async () => {
    const address = fc.constantFrom('10.0.0.2', '10.0.0.3', '203.0.113.7', '198.51.100.7', '127.0.0.1', 'x', 7)
    const end = fc.record({ address, port: fc.oneof(fc.constantFrom(4000, 4001, 4008, 0, 70_000), fc.nat(70_000)) })
    const number = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(null, 0, 7, 2 ** 31))
    const window = fc.record({ next: number, right: number, afterSyn: number, scale: fc.constantFrom(null, 7, 99) })
    const session = fc.record(
      {
        kind: fc.constantFrom('session', 'block'),
        peer: fc.constantFrom('laptop', undefined, 'phone', 3),
        protocol: fc.constantFrom(1, 6, 17, 47),
        inside: end,
        outside: fc.oneof(end, fc.constant({ address: '203.0.113.7', port: 4000 })),
        remote: end,
        remaining: fc.nat(400_000),
        age: fc.nat(),
        up: fc.constant(traffic),
        down: fc.constant(traffic),
        tcp: fc.oneof(fc.constant(undefined), fc.record({ state: fc.nat(200), inside: window, outside: window })),
        address,
        first: fc.constantFrom(4000, 4008, 4001),
        last: fc.constantFrom(4007, 4015, 4008),
      },
      { requiredKeys: ['kind', 'protocol', 'inside', 'outside', 'remote', 'remaining', 'age', 'up', 'down'] },
    )
    const record = fc.oneof(
      { weight: 4, arbitrary: session },
      { weight: 1, arbitrary: fc.constant(block) },
      { weight: 1, arbitrary: fc.constantFrom(udp, icmp, tcp) },
      { weight: 1, arbitrary: fc.anything() },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), fc.boolean(), async (records, isBlocked) => {
        const options: Partial<NatOptions> = {
          ports: [4000, 4031],
          sessions: 16,
          otherProtocols: true,
          holdDown: 1000,
          ...(isBlocked ? { portBlocks: { size: 8, perPeer: 2 } } : {}),
        }
        const { layer, rig, imported } = await importing(records, options)
        const refused = Object.values(imported.refused).reduce((sum, count) => sum + count, 0)
        expect(imported.sessions + imported.blocks + refused).toBe(records.length)
        expect([...layer.mappings()].length).toBe(imported.sessions)
        expect(imported.sessions).toBeLessThanOrEqual(16)
        rig.up(packetFromText('UDP 10.0.0.2:5000 > 198.51.100.7:53'))
        rig.clock.advance(8_000_000)
        layer.statistics()
        rig.clock.advance(1000)
        const { sessions, peers, portBlocks } = layer.statistics()!
        expect([sessions.udp, sessions.udpPorts, sessions.icmpIdentifiers, sessions.opened - sessions.expired]).toEqual(
          [0, 0, 0, 0],
        )
        expect([peers, portBlocks?.inUse ?? []]).toEqual([[], []])
      }),
      { numRuns: 150 },
    )
  }, 30_000)
})
