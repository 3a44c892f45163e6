import { decodePacket } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { Blocks, blockOf, from, type Kind } from './test-support/blocks.ts'

describe('port blocks of nat', () => {
  test('all that a peer sends leaves from its own block, whatever the protocol', async () => {
    const blocks = await Blocks.start()
    const ports = (host: number) =>
      (['tcp', 'udp', 'icmp'] as const).flatMap((kind) =>
        [1, 2, 3].map((port) => blocks.send(from(host, kind, port))!.port),
      )
    const [one, two] = [ports(2), ports(3)]
    expect(new Set(one.map((port) => blockOf(port))).size).toBe(1)
    expect(new Set(two.map((port) => blockOf(port))).size).toBe(1)
    expect(blockOf(one[0]!)).not.toBe(blockOf(two[0]!))
    // One line for each of them, where a log of sessions has nine.
    expect(blocks.lines).toMatchObject([
      { event: 'alloc', peer: '10.0.0.2', address: '203.0.113.7', protocols: ['tcp', 'udp', 'icmp'] },
      { event: 'alloc', peer: '10.0.0.3' },
    ])
    expect(blocks.lines.map(({ first, last }) => [blockOf(first), last - first])).toEqual([
      [blockOf(one[0]!), 7],
      [blockOf(two[0]!), 7],
    ])
    expect(blocks.lines[0]!.first % 8).toBe(0)
  })

  test('which block, and which port in it, is hard to foretell', async () => {
    const firsts = new Set<number>()
    const ports = new Set<number>()
    for (let seed = 1; seed <= 40; seed++) {
      const blocks = await Blocks.start({}, seed)
      const { port } = blocks.send(from(2, 'udp', 1))!
      firsts.add(blockOf(port))
      ports.add((port - 4000) % 8)
    }
    expect([firsts.size, ports.size]).toEqual([4, 8])
  })

  test.each<Kind>(['udp', 'tcp'])('%s: a full block is followed by another, up to the limit', async (kind) => {
    const blocks = await Blocks.start({ gatewayAddress: '10.0.0.1' })
    const peer = { name: 'laptop' }
    const ports = Array.from({ length: 16 }, (_, i) => blocks.send(from(2, kind, i + 1), peer)!.port)
    expect(new Set(ports).size).toBe(16)
    expect(new Set(ports.map((port) => blockOf(port))).size).toBe(2)
    expect(blocks.lines.map(({ event, peer }) => [event, peer])).toEqual([
      ['alloc', 'laptop'],
      ['alloc', 'laptop'],
    ])
    expect(blocks.send(from(2, kind, 17), peer)).toBeUndefined()
    expect(blocks.rig.drops).toEqual(new Map([['peer-ports-exhausted', 1]]))
    expect(blocks.events).toMatchObject([{ type: 'exhausted', resource: 'peer-ports', peer, refused: 1 }])
    // TCP shares its ports by destination, so to another there is room; and other peers have blocks of their own.
    expect(blocks.send(from(2, kind, 17, 8), peer) !== undefined).toBe(kind === 'tcp')
    expect(blocks.send(from(3, kind, 1))).toBeDefined()
  })

  test('when all blocks are given, who has none is refused, and told', async () => {
    const blocks = await Blocks.start({ portBlocks: { size: 16 } })
    for (const host of [2, 3]) expect(blocks.send(from(host, 'udp', 1))).toBeDefined()
    blocks.rig.up(from(4, 'udp', 1), from(4, 'tcp', 1))
    expect(blocks.rig.take().map(({ bytes }) => decodePacket(bytes))).toMatchObject([
      { destination: '10.0.0.4', type: 3, code: 13 },
      { destination: '10.0.0.4', type: 3, code: 13 },
    ])
    expect(blocks.rig.drops).toEqual(new Map([['blocks-exhausted', 2]]))
    expect(blocks.events).toMatchObject([{ resource: 'blocks', refused: 1 }])
    expect(blocks.layer.statistics()).toMatchObject({ refused: { blocks: 2, ports: 0 }, portBlocks: { capacity: 2 } })
    expect(blocks.value('egress_port_allocation_failures_total', { resource: 'blocks' })).toBe(2)
    expect(blocks.value('egress_port_blocks_in_use', { egress_ip: '203.0.113.7' })).toBe(2)
    expect(blocks.value('egress_port_blocks_capacity')).toBe(2)
    expect(blocks.value('nat_dropped_packets_total', { reason: 'exhausted' })).toBe(2)
    // Who has a block goes on in it.
    expect(blocks.send(from(2, 'udp', 2))).toBeDefined()
  })

  test('a block stays its peer’s until its last port has been free for the hold-down', async () => {
    const blocks = await Blocks.start({ holdDown: 100_000 })
    const { port } = blocks.send(from(2, 'icmp', 1))!
    const first = blocks.lines[0]!.first
    const used = (): unknown => blocks.layer.statistics()?.portBlocks?.inUse
    blocks.rig.clock.advance(30_000)
    blocks.send(from(2, 'icmp', 2))
    // The first identifier ends at 60 s, the second at 90 s, the block 100 s later.
    blocks.rig.clock.advance(60_000)
    expect(used()).toMatchObject([{ used: 0 }])
    blocks.rig.clock.advance(99_999)
    expect(used()).toEqual([{ peer: '10.0.0.2', address: '203.0.113.7', first, last: first + 7, used: 0 }])
    expect(blocks.layer.statistics()?.peers).toEqual([])
    // As long as it rests it serves its peer: another hold-down begins with the end of that.
    expect(blockOf(blocks.send(from(2, 'icmp', 3))!.port)).toBe(blockOf(port))
    blocks.rig.clock.advance(60_000)
    expect(used()).toMatchObject([{ used: 0 }])
    blocks.rig.clock.advance(99_999)
    expect(used()).toMatchObject([{ used: 0 }])
    blocks.rig.clock.advance(1)
    expect(used()).toEqual([])
    expect(blocks.lines.map(({ event }) => event)).toEqual(['alloc', 'free'])
    expect(blocks.lines[1]).toMatchObject({ peer: '10.0.0.2', address: '203.0.113.7', first, last: first + 7 })
  })

  test('a block at rest is given to another only when there is no other', async () => {
    const blocks = await Blocks.start({ holdDown: 1_000_000, portBlocks: { size: 8, perPeer: 1 } })
    for (const host of [2, 3]) {
      blocks.send(from(host, 'icmp', 1))
      blocks.rig.clock.advance(60_000)
    }
    const taken = blocks.lines.map(({ first }) => first)
    for (const host of [4, 5]) blocks.send(from(host, 'tcp', 1))
    expect(blocks.lines.slice(2).some(({ first }) => taken.includes(first))).toBe(false)
    // Then the one that has rested longest.
    expect(blocks.send(from(6, 'tcp', 1))).toBeDefined()
    expect(blocks.lines.slice(4)).toMatchObject([
      { event: 'free', peer: '10.0.0.2', first: taken[0] },
      { event: 'alloc', peer: '10.0.0.6', first: taken[0] },
    ])
  })

  test('ports at rest are used again by their own peer, if it has no others', async () => {
    const blocks = await Blocks.start({ portBlocks: { size: 4, perPeer: 1 }, holdDown: 200_000 })
    const before = [1, 2, 3, 4].map((port) => blocks.send(from(2, 'icmp', port))!.port)
    blocks.rig.clock.advance(60_000)
    const after = [5, 6, 7, 8].map((port) => blocks.send(from(2, 'icmp', port))!.port)
    expect(after.toSorted()).toEqual(before.toSorted())
    expect(blocks.lines.length).toBe(1)
  })

  test('reserved and forwarded ports are given to nobody, nor a block that has no others', async () => {
    const blocks = await Blocks.start({
      ports: [4000, 4015],
      reservedPorts: [4000, 4001],
      portBlocks: { size: 4, perPeer: 4 },
      forwards: [
        { protocol: 'udp', port: [4004, 4007], to: '10.0.0.9' },
        { protocol: 'tcp', port: 4002, to: '10.0.0.9' },
      ],
    })
    expect(blocks.layer.statistics()?.portBlocks?.capacity).toBe(3)
    const udp = Array.from({ length: 12 }, (_, i) => blocks.send(from(2, 'udp', i + 1))?.port)
    const given = [4003, 4008, 4009, 4010, 4011, 4012, 4013, 4014, 4015]
    expect(udp.filter((port) => port !== undefined).sort()).toEqual(given)
    const tcp = Array.from({ length: 12 }, (_, i) => blocks.send(from(2, 'tcp', i + 1))?.port)
    expect(tcp.filter((port) => port !== undefined).sort()).toEqual(given)
    // An identifier is no port: nobody listens on it.
    expect(Array.from({ length: 12 }, (_, i) => blocks.send(from(2, 'icmp', i + 1))).length).toBe(12)
  })

  test('of several addresses each has blocks', async () => {
    const address = ['203.0.113.1', '203.0.113.2']
    const blocks = await Blocks.start({ address, pick: 'per-flow', portBlocks: { size: 4, perPeer: 2 } })
    const ends = Array.from({ length: 40 }, (_, i) => blocks.send(from(2, 'udp', i + 1)))
    const given = ends.filter((end) => end !== undefined)
    expect(new Set(given.map(({ address, port }) => `${address}:${port}`)).size).toBe(16)
    expect(blocks.lines.map(({ address }) => address).sort()).toEqual([...address, ...address].sort())
    for (const egress_ip of address) expect(blocks.value('egress_port_blocks_in_use', { egress_ip })).toBe(2)
  })

  test('the log keeps to its rate, and says what is missing; one that throws stops no packets', async () => {
    const slow = await Blocks.start({ portBlockLogRate: { perSecond: 1, burst: 2 } })
    for (const host of [2, 3, 4]) expect(slow.send(from(host, 'icmp', 1))).toBeDefined()
    expect(slow.lines.length).toBe(2)
    expect(slow.value('nat_port_block_log_lost_total')).toBe(1)
    slow.rig.clock.advance(1000)
    slow.send(from(5, 'icmp', 1))
    expect(slow.lines.slice(2)).toMatchObject([
      { event: 'lost', lines: 1 },
      { event: 'alloc', peer: '10.0.0.5' },
    ])
    const failing = await Blocks.start({
      portBlockLog: () => {
        throw new Error('disk full')
      },
    })
    expect(failing.send(from(2, 'udp', 1))).toBeDefined()
    expect(failing.value('nat_port_block_log_lost_total')).toBe(1)
  })

  test('who writes the log may look at the table, even without a hold-down', async () => {
    const seen: unknown[] = []
    const blocks = await Blocks.start({
      holdDown: 0,
      portBlockLog: () => seen.push(blocks.layer.statistics()?.portBlocks?.inUse.map(({ used }) => used)),
    })
    blocks.send(from(2, 'icmp', 1))
    blocks.send(from(3, 'icmp', 1))
    blocks.rig.clock.advance(60_000)
    expect(blocks.layer.statistics()?.portBlocks?.inUse).toEqual([])
    expect(seen).toEqual([[1], [1, 1], [], []])
    expect(blocks.send(from(4, 'udp', 1))).toBeDefined()
  })
})
