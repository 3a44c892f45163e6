import { LayerRig, packetFromText } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nat } from '../nat.ts'
import { nat64 } from '../nat64/nat64.ts'
import { type Ipv6Kind, type Ipv6Options, ipv6Kinds } from '../test-support/ipv6-kinds.ts'
import { header, icmp, tcp, traffic, udp as udp4 } from '../test-support/records.ts'

describe.each(ipv6Kinds)('importing into $name', (kind: Ipv6Kind) => {
  const { remote, addresses } = kind
  const ends = {
    inside: { address: 'fd00::2', port: 5000 },
    outside: { address: addresses[0], port: 4000 },
    remote: { address: remote(7), port: 53 },
  }
  const udp = { ...udp4, ...ends }
  const inside = (address: unknown): object => ({ ...udp, inside: { address, port: 1 } })
  const block = { kind: 'block', inside: 'fd00::2', address: addresses[0], first: 4000, last: 4007 }

  async function importing(records: readonly unknown[], options: Ipv6Options = {}) {
    const layer = kind.make({ ports: [4000, 4031], sessions: 16, ...options })
    const rig = await LayerRig.start(layer)
    return { layer, rig, imported: layer.importSessions([header, ...records]) }
  }

  test.each<[string, unknown]>([
    ['an IPv4 address inside', inside('10.0.0.2')],
    ['what an IPv6 address goes by in the table', inside('64.0.0.0')],
    ['a zone', inside('fd00::2%eth0')],
    ['a prefix', inside('fd00::2/128')],
    ['brackets', inside('[fd00::2]')],
    ['an address of nine words', inside('1:2:3:4:5:6:7:8:9')],
    ['a number for an address', inside(0x4000_0000)],
    ['no address', inside(undefined)],
    ['a remote of the other family', { ...udp, remote: { ...ends.remote, address: other(remote(7)) } }],
    ['an outside of the other family', { ...udp, outside: { ...ends.outside, address: other(addresses[0]) } }],
    ['a block of an IPv4 owner', { ...block, inside: '10.0.0.2' }],
    ['a block of an address of the other family', { ...block, address: other(addresses[0]) }],
  ])('invalid: %s', async (_name, record) => {
    const { layer, imported } = await importing([record, udp])
    expect(imported).toEqual({ sessions: 1, blocks: 0, refused: { invalid: 1 } })
    expect([...layer.mappings()].map((row) => row.inside)).toEqual([ends.inside])
  })

  const blocks: Ipv6Options = { portBlocks: { size: 8, perPeer: 1 } }
  const three = { ...udp, inside: { address: 'fd00::3', port: 1 } }
  test.each<[reason: string, name: string, record: object, options?: Ipv6Options]>([
    ['foreign-address', 'an outside address of others', { ...three, outside: { address: remote(1), port: 4001 } }],
    ['martian', 'a link-local address', inside('fe80::2')],
    ['martian', 'loopback', inside('::1')],
    ['martian', 'no address', inside('::')],
    ['martian', 'multicast', inside('ff02::1')],
    ['martian', 'an outside address or one behind the prefix', inside(kind.notInside)],
    ['martian', 'a remote that is none', { ...three, remote: { address: kind.notRemote, port: 1 } }],
    ['expired', 'what has no time left', { ...three, remaining: 0 }],
    ['duplicate', 'the same in other words', { ...udp, inside: { address: 'FD00:0:0::0:2', port: 5000 } }],
    ['mapping-conflict', 'the port of another', { ...three, remote: { address: remote(8), port: 1 } }],
    ['port-unavailable', 'a port out of range', { ...three, outside: { address: addresses[0], port: 4032 } }],
    [
      'port-unavailable',
      'of the block of another',
      { ...three, outside: { address: addresses[0], port: 4001 } },
      blocks,
    ],
    ['block-unavailable', 'a block of an address of others', { ...block, address: remote(1), first: 4008 }, blocks],
    ['duplicate', 'a block twice', block, blocks],
    ['sessions-exhausted', 'more than there is room', { ...three, remote: ends.remote }, { sessions: 1 }],
    [
      'static-mapping',
      'what has an address of its own',
      three,
      { staticAddresses: [{ inside: 'fd00::3', outside: kind.third }] },
    ],
    [
      'static-mapping',
      'what is forwarded',
      three,
      { forwards: [{ protocol: 'udp', port: 80, to: 'fd00::3', toPort: 1 }] },
    ],
  ])('%s: %s', async (reason, _name, record, options) => {
    const { layer, imported } = await importing([udp, record], options)
    expect(imported).toEqual({ sessions: 1, blocks: 0, refused: { [reason]: 1 } })
    expect([...layer.mappings()].length).toBe(1)
  })

  test('records of another family are no sessions here', async () => {
    expect((await importing([udp4, tcp, icmp])).imported).toEqual({ sessions: 0, blocks: 0, refused: { invalid: 3 } })
    const four = nat({ address: '203.0.113.7', sessions: 16 })
    await LayerRig.start(four)
    expect(four.importSessions([header, udp])).toEqual({ sessions: 0, blocks: 0, refused: { invalid: 1 } })
  })

  test.each<[string, unknown[], RegExp]>([
    ['a version to come', [{ ...header, version: 2 }], /^six importSessions: expected records of version 1, got 2$/],
    ['no header', [udp], /^six importSessions: expected a header as the first record$/],
    ['nothing', [], /^six importSessions: expected a header as the first record$/],
  ])('%s is an error, and changes nothing', async (_name, records, message) => {
    const layer = kind.make({ name: 'six', sessions: 16 })
    expect([...layer.exportSessions()]).toEqual([])
    expect(() => layer.importSessions(records)).toThrow(/^six importSessions: expected a layer that has been started$/)
    await LayerRig.start(layer)
    expect(() => layer.importSessions(records)).toThrow(message)
    expect([...layer.mappings()]).toEqual([])
  })

  test('random records: nothing thrown, nothing beyond the bounds, and nothing left in the end', async () => {
    const address = fc.constantFrom('fd00::2', 'fd00::3', ...addresses, remote(7), '10.0.0.2', '64.0.0.1', '::', 'x', 7)
    const end = fc.record({ address, port: fc.oneof(fc.constantFrom(4000, 4001, 4008, 0, 70_000), fc.nat(70_000)) })
    const session = fc.record({
      kind: fc.constantFrom('session', 'block'),
      peer: fc.constantFrom('laptop', undefined, 3),
      protocol: fc.constantFrom(1, 6, 17, 58),
      inside: fc.oneof(end, fc.constant(ends.inside), address),
      outside: fc.oneof(end, fc.constant(ends.outside)),
      remote: fc.oneof(end, fc.constant(ends.remote)),
      remaining: fc.nat(400_000),
      age: fc.nat(),
      up: fc.constant(traffic),
      down: fc.constant(traffic),
      tcp: fc.constantFrom(undefined, tcp.tcp),
      address,
      first: fc.constantFrom(4000, 4008, 4001),
      last: fc.constantFrom(4007, 4015),
    })
    const record = fc.oneof({ weight: 5, arbitrary: session }, { weight: 1, arbitrary: fc.anything() })
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), fc.boolean(), async (records, isBlocked) => {
        const more = isBlocked ? { portBlocks: { size: 8, perPeer: 2 } } : {}
        const { layer, rig, imported } = await importing(records, { holdDown: 1000, ...more })
        const refused = Object.values(imported.refused).reduce((sum, count) => sum + count, 0)
        expect(imported.sessions + imported.blocks + refused).toBe(records.length)
        expect([...layer.mappings()].length).toBe(imported.sessions)
        // All that is left can be said again.
        expect([...layer.exportSessions()].filter((each) => each.kind === 'session').length).toBe(imported.sessions)
        rig.up(packetFromText(`UDP [fd00::2]:5000 > [${kind.remoteInside(7)}]:53`))
        rig.clock.advance(8_000_000)
        layer.statistics()
        rig.clock.advance(1000)
        const { sessions, peers, portBlocks } = layer.statistics()!
        expect([sessions.udp, sessions.udpPorts, sessions.icmpIdentifiers]).toEqual([0, 0, 0])
        expect([peers, portBlocks?.inUse ?? []]).toEqual([[], []])
      }),
      { numRuns: 60 },
    )
  }, 30_000)
})

test('nat64 takes no remote that its prefix cannot stand for', async () => {
  const layer = nat64({ address: '203.0.113.7', sessions: 16 })
  await LayerRig.start(layer)
  const at = (address: string): object => ({
    ...udp4,
    inside: { address: 'fd00::2', port: 1 },
    remote: { address, port: 1 },
  })
  expect(layer.importSessions([header, at('10.0.0.1'), at('8.8.8.8')])).toEqual({
    sessions: 1,
    blocks: 0,
    refused: { martian: 1 },
  })
})

/** An address of the other family. */
function other(address: string): string {
  return address.includes(':') ? '203.0.113.7' : '2001:db8::7'
}
