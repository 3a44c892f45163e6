import { LayerRig } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'
import { block, header, icmp, importing, other, side, tcp, udp } from './test-support/records.ts'

describe('what cannot be imported into nat', () => {
  test.each<[string, unknown]>([
    ['nothing', null],
    ['a number', 7],
    ['no kind', { ...udp, kind: undefined }],
    ['another kind', { ...udp, kind: 'sessions' }],
    ['a second header', header],
    ['a peer that is no name', { ...udp, peer: { name: 'laptop' } }],
    ['an empty name', { ...udp, peer: '' }],
    ['a name without end', { ...udp, peer: 'x'.repeat(256) }],
    ['a protocol by name', { ...udp, protocol: 'udp' }],
    ['a protocol above 255', { ...udp, protocol: 256 }],
    ['an end that is text', { ...udp, inside: '10.0.0.2:5000' }],
    ['no end', { ...udp, remote: undefined }],
    ['a name for an address', { ...udp, inside: { address: 'localhost', port: 1 } }],
    ['an IPv6 address', { ...udp, remote: { address: '2001:db8::1', port: 1 } }],
    ['an address with leading zeros', { ...udp, inside: { address: '010.0.0.2', port: 1 } }],
    ['a port above 65,535', { ...udp, outside: { ...udp.outside, port: 65_536 } }],
    ['a negative port', { ...udp, inside: { ...udp.inside, port: -1 } }],
    ['half a port', { ...udp, inside: { ...udp.inside, port: 1.5 } }],
    ['a port of an echo’s remote', { ...icmp, remote: udp.remote }],
    ['a port of a protocol without', { ...udp, protocol: 47 }],
    ['no time', { ...udp, remaining: undefined }],
    ['no end of time', { ...udp, remaining: Number.POSITIVE_INFINITY }],
    ['negative time', { ...udp, age: -1 }],
    ['time as text', { ...udp, remaining: '100' }],
    ['negative traffic', { ...udp, up: { packets: -1, bytes: 0 } }],
    ['traffic beyond counting', { ...udp, down: { packets: 1, bytes: 2 ** 60 } }],
    ['TCP without its state', { ...tcp, tcp: undefined }],
    ['UDP with one', { ...udp, tcp: tcp.tcp }],
    ['a state that has not begun', { ...tcp, tcp: { ...tcp.tcp, state: 4 } }],
    ['a state of bits unknown', { ...tcp, tcp: { ...tcp.tcp, state: 129 } }],
    ['a window of one edge', { ...tcp, tcp: { ...tcp.tcp, inside: { ...side, right: null } } }],
    ['a window that ends before it begins', { ...tcp, tcp: { ...tcp.tcp, outside: { ...side, right: 999 } } }],
    ['a scale above 14', { ...tcp, tcp: { ...tcp.tcp, inside: { ...side, scale: 15 } } }],
    ['a sequence number above 32 bits', { ...tcp, tcp: { ...tcp.tcp, inside: { ...side, afterSyn: 2 ** 32 } } }],
    ['no side', { ...tcp, tcp: { state: 7, inside: side } }],
    ['a block of nobody', { ...block, inside: undefined }],
    ['a block of no address', { ...block, address: 'everywhere' }],
    ['a block without end', { ...block, last: undefined }],
  ])('invalid: %s', async (_name, record) => {
    const { layer, imported } = await importing([record, udp])
    expect(imported).toEqual({ sessions: 1, blocks: 0, refused: { invalid: 1 } })
    expect([...layer.mappings()].length).toBe(1)
  })

  const blocks = { portBlocks: { size: 8, perPeer: 1 }, ports: [4000, 4031] } as const
  test.each<[reason: string, name: string, records: object[], options?: Partial<NatOptions>]>([
    ['foreign-address', 'an outside address of others', [other({ outside: { address: '203.0.113.8', port: 1 } })]],
    ['protocol-not-translated', 'GRE, which is off', [other({ protocol: 47, ...noPorts() })]],
    ['martian', 'a loopback address inside', [other({ inside: { address: '127.0.0.1', port: 1 } })]],
    ['martian', 'an outside address inside', [other({ inside: { address: '203.0.113.7', port: 1 } })]],
    ['martian', 'multicast', [other({ remote: { address: '224.0.0.1', port: 1 } })]],
    [
      'static-mapping',
      'what has an address of its own',
      [other({})],
      { staticAddresses: [{ inside: '10.0.0.3', outside: '203.0.113.9' }] },
    ],
    [
      'static-mapping',
      'what is forwarded',
      [other({})],
      { forwards: [{ protocol: 'udp', port: 80, to: '10.0.0.3', toPort: 1 }] },
    ],
    ['expired', 'what has no time left', [other({ remaining: 0 })]],
    ['duplicate', 'the same again', [udp]],
    ['duplicate', 'the same outside', [tcp, { ...tcp, inside: { address: '10.0.0.3', port: 1 } }]],
    ['mapping-conflict', 'a port that another endpoint has', [other({ remote: { address: '192.0.2.1', port: 1 } })]],
    [
      'mapping-conflict',
      'an endpoint that has another port',
      [{ ...udp, outside: { address: '203.0.113.7', port: 4001 }, remote: { address: '192.0.2.1', port: 1 } }],
    ],
    ['port-unavailable', 'a port out of range', [other({ outside: { address: '203.0.113.7', port: 1023 } })]],
    [
      'port-unavailable',
      'a reserved port',
      [{ ...tcp, outside: { address: '203.0.113.7', port: 4001 } }],
      { reservedPorts: [4001] },
    ],
    [
      'port-unavailable',
      'a forwarded port',
      [other({ outside: { address: '203.0.113.7', port: 4001 } })],
      { forwards: [{ protocol: 'tcp', port: 4001, to: '10.0.0.9' }] },
    ],
    [
      'port-unavailable',
      'a port of another’s block',
      [other({ outside: { address: '203.0.113.7', port: 4001 } })],
      blocks,
    ],
    [
      'port-unavailable',
      'a port of one block too many',
      [{ ...tcp, outside: { address: '203.0.113.7', port: 4009 } }],
      blocks,
    ],
    [
      'port-unavailable',
      'a port beyond all blocks',
      [other({ outside: { address: '203.0.113.7', port: 4032 } })],
      blocks,
    ],
    ['block-unavailable', 'a block where there are none', [block]],
    ['block-unavailable', 'a block of another size', [{ ...block, first: 4008, last: 4016 }], blocks],
    ['block-unavailable', 'a block between two', [{ ...block, first: 4012, last: 4019 }], blocks],
    ['block-unavailable', 'one block too many', [{ ...block, first: 4008, last: 4015 }], blocks],
    ['duplicate', 'a block twice', [block], blocks],
    [
      'sessions-exhausted',
      'more than the table has',
      [other({ outside: { address: '203.0.113.7', port: 1 } })],
      { sessions: 1 },
    ],
    ['peer-sessions-exhausted', 'more than one may have', [icmp], { sessionsPerPeer: 1 }],
    ['peer-ports-exhausted', 'more ports than one may have', [icmp], { portsPerPeer: 1 }],
  ])('%s: %s', async (reason, _name, records, options) => {
    const { layer, imported } = await importing([udp, ...records], options)
    expect(imported).toEqual({ sessions: records.length, blocks: 0, refused: { [reason]: 1 } })
    expect([...layer.mappings()].length).toBe(records.length)
    expect(layer.statistics()?.sessions.opened).toBe(records.length)
  })

  test.each<[string, unknown[], RegExp]>([
    [
      'a version to come',
      [{ ...header, version: 2 }, udp],
      /^nat importSessions: expected records of version 1, got 2$/,
    ],
    ['no version', [{ ...header, version: undefined }], /expected records of version 1, got undefined$/],
    ['no header', [udp], /^nat importSessions: expected a header as the first record$/],
    ['nothing', [], /^nat importSessions: expected a header as the first record$/],
    [
      'no time',
      [{ ...header, time: 'yesterday' }],
      /^nat importSessions: expected a header with the time of the export$/,
    ],
  ])('%s is an error, and changes nothing', async (_name, records, message) => {
    const layer = nat({ address: '203.0.113.7', sessions: 64 })
    expect(() => layer.importSessions(records)).toThrow(/^nat importSessions: expected a layer that has been started$/)
    await LayerRig.start(layer)
    expect(() => layer.importSessions(records)).toThrow(message)
    expect([...layer.mappings()]).toEqual([])
  })
})

function noPorts(): object {
  return {
    inside: { address: '10.0.0.3', port: 0 },
    outside: { address: '203.0.113.7', port: 0 },
    remote: { address: '198.51.100.7', port: 0 },
  }
}
