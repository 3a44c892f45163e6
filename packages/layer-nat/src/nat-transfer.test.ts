import { decodePacket, icmpEcho, ipv4, packetFromText, tcpSegment, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { NatOptions } from './options.ts'
import { Gateway, options, PEER } from './test-support/gateway.ts'

const fields = { source: '10.0.0.2', destination: '198.51.100.7', dontFragment: true }
const scaled = { window: 1000, options: Uint8Array.of(1, 3, 3, 7) }
const tcp = (flags: string, sequence: number, acknowledgment: number, rest: object = {}): Uint8Array =>
  ipv4(fields, tcpSegment({ sourcePort: 5000, destinationPort: 443, flags, sequence, acknowledgment, ...rest }))
const tcpBack = (
  port: number,
  to: string,
  flags: string,
  sequence: number,
  acknowledgment: number,
  rest: object = {},
) =>
  ipv4(
    { source: '198.51.100.7', destination: to, dontFragment: true },
    tcpSegment({ sourcePort: 443, destinationPort: port, flags, sequence, acknowledgment, ...rest }),
  )
const udp = ipv4(fields, udpSegment({ sourcePort: 6000, destinationPort: 53 }, 'question'))
const echo = ipv4(fields, icmpEcho({ type: 'request', identifier: 9, sequence: 1 }, 'ping'))

describe.each<[string, Partial<NatOptions>, { readonly name: string } | undefined]>([
  ['without peers', {}, undefined],
  ['with peers', {}, PEER],
  ['with port blocks', { portBlocks: { size: 64, perPeer: 2 } }, PEER],
  ['with port blocks, without peers', { portBlocks: { size: 64, perPeer: 1 } }, undefined],
])('sessions moved to another nat, %s', (_name, more, peer) => {
  /** A gateway with one session of each kind, and where they stand outside. */
  async function before() {
    const old = await Gateway.start({ ...options, ...more }, 1, 5000, peer)
    const opened = [tcp('SYN', 1000, 0, scaled), udp, echo].map((bytes) => decodePacket(old.up(bytes)[0]!))
    const [{ source: address, sourcePort: tcpPort }, { sourcePort: udpPort }, { identifier }] = opened as [
      (typeof opened)[0],
      (typeof opened)[0],
      (typeof opened)[0],
    ]
    old.down(tcpBack(tcpPort!, address, 'SYN ACK', 7000, 1001, scaled))
    old.up(tcp('ACK', 1001, 7001))
    old.down(tcpBack(tcpPort!, address, 'ACK', 7001, 1001))
    return { old, address, tcpPort: tcpPort!, udpPort: udpPort!, identifier: identifier! }
  }
  async function moved(old: Gateway): Promise<Gateway> {
    // Another seed: other hash keys, other random ports; and another moment of its own clock.
    const next = await Gateway.start({ ...options, ...more }, 99, 5000, peer && { name: peer.name })
    const { refused } = next.layer.importSessions(old.export())
    expect(refused).toEqual({})
    return next
  }

  test('go on, byte for byte, both ways', async () => {
    const { old, address, tcpPort, udpPort, identifier } = await before()
    const next = await moved(old)
    const back = { source: '198.51.100.7', destination: address, dontFragment: true }
    const error = `ICMP 192.0.2.9 > ${address} 3/1 about UDP ${address}:${udpPort} > 198.51.100.7:53`
    const steps: [direction: 'up' | 'down', bytes: Uint8Array][] = [
      ['up', ipv4(fields, tcpSegment({ sourcePort: 5000, destinationPort: 443, sequence: 1001 }, 'request'))],
      ['down', ipv4(back, tcpSegment({ sourcePort: 443, destinationPort: tcpPort, sequence: 7001 }, 'response'))],
      ['up', udp],
      ['down', ipv4(back, udpSegment({ sourcePort: 53, destinationPort: udpPort }, 'answer'))],
      // A stranger, whom the filter lets in to the mapping.
      [
        'down',
        ipv4({ ...back, source: '192.0.2.1' }, udpSegment({ sourcePort: 1, destinationPort: udpPort }, 'hello')),
      ],
      ['up', echo],
      ['down', ipv4(back, icmpEcho({ type: 'reply', identifier, sequence: 1 }, 'ping'))],
      // Address-dependent filtering: any identifier's answer from the address, none from another.
      ['down', ipv4({ ...back, source: '192.0.2.1' }, icmpEcho({ type: 'reply', identifier }, 'ping'))],
      ['down', packetFromText(error)],
      // The same inside endpoint to another remote keeps its outside port.
      ['up', ipv4({ ...fields, destination: '192.0.2.77' }, udpSegment({ sourcePort: 6000, destinationPort: 5 }, 'x'))],
      ['down', tcpBack(tcpPort, address, 'RST', 1, 0)],
      ['down', tcpBack(tcpPort, address, 'FIN ACK', 7009, 1008)],
      ['up', tcp('FIN ACK', 1008, 7010)],
    ]
    for (const [direction, bytes] of steps) {
      const [expected, seen] = [old, next].map((gateway) => gateway[direction](bytes))
      expect(seen).toEqual(expected)
    }
    expect(next.rig.drops).toEqual(old.rig.drops)
    expect(next.rig.drops).toEqual(new Map([['no-mapping', 1]]))
    const rows = (gateway: Gateway) =>
      [...gateway.layer.mappings()]
        .map((row) => JSON.stringify({ ...row, peer: typeof row.peer === 'string' ? row.peer : row.peer.name }))
        .sort()
    expect(rows(next)).toEqual(rows(old))
    expect(next.layer.statistics()?.portBlocks?.inUse.map(({ first, used }) => [first, used])).toEqual(
      old.layer.statistics()?.portBlocks?.inUse.map(({ first, used }) => [first, used]),
    )
  })

  test('the windows too: a reset out of them ends nothing, one in them does', async () => {
    const { old, address, tcpPort } = await before()
    const next = await moved(old)
    const state = () => [...next.layer.mappings()].find(({ protocol }) => protocol === 'tcp')?.state
    // The client lets the server send from 7001, 65,535 << 7 on.
    next.down(tcpBack(tcpPort, address, 'RST', 7001 + (65_535 << 7) + 1, 0))
    next.down(tcpBack(tcpPort, address, 'RST', 7000, 0))
    expect(state()).toBe('established')
    next.down(tcpBack(tcpPort, address, 'RST', 7001 + (65_535 << 7), 0))
    expect(state()).toBe('reset')
  })

  test('end when they would have ended, the time between counted', async () => {
    const { old } = await before()
    old.rig.clock.advance(20_000)
    const records = old.export()
    const next = await Gateway.start({ ...options, ...more }, 99, 5000 + 20_000 + 15_000, peer)
    expect(next.layer.importSessions(records)).toMatchObject({ sessions: 3, refused: {} })
    const live = () => [...next.layer.mappings()].map(({ protocol }) => protocol).sort()
    expect([...next.layer.mappings()].map(({ age, idle }) => [age, idle])).toEqual(Array(3).fill([35_000, 35_000]))
    next.rig.clock.advance(60_000 - 35_000 - 1)
    expect(live()).toEqual(['icmp', 'tcp', 'udp'])
    next.rig.clock.advance(1)
    expect(live()).toEqual(['tcp', 'udp'])
    next.rig.clock.advance(240_000 - 1)
    expect(live()).toEqual(['tcp', 'udp'])
    next.rig.clock.advance(1)
    expect(live()).toEqual(['tcp'])
    next.rig.clock.advance(124 * 60_000 - 300_000 - 1)
    expect(live()).toEqual(['tcp'])
    next.rig.clock.advance(1)
    expect(live()).toEqual([])
    expect(next.layer.statistics()).toMatchObject({ peers: [], sessions: { udpPorts: 0, icmpIdentifiers: 0 } })
    // Too late for two of the three.
    const late = await Gateway.start({ ...options, ...more }, 99, 5000 + 20_000 + 280_000, peer)
    expect(late.layer.importSessions(records)).toMatchObject({ sessions: 1, refused: { expired: 2 } })
  })

  test('their ports are given to nobody else', async () => {
    const small: Partial<NatOptions> = { ports: [4000, 4063], portsPerPeer: 64 }
    const old = await Gateway.start({ ...options, ...more, ...small }, 1, 0, peer)
    const packet = (port: number) => ipv4(fields, udpSegment({ sourcePort: port, destinationPort: 53 }))
    for (let port = 1; port <= 40; port++) old.up(packet(port))
    const next = await Gateway.start({ ...options, ...more, ...small }, 99, 0, peer)
    expect(next.layer.importSessions(old.export()).sessions).toBe(40)
    const taken = new Set([...next.layer.mappings()].map(({ outside }) => outside.port))
    for (let port = 41; port <= 64; port++) {
      const { sourcePort } = decodePacket(next.up(packet(port))[0]!)
      expect(taken).not.toContain(sourcePort)
      taken.add(sourcePort!)
    }
    expect(taken.size).toBe(64)
  })
})
