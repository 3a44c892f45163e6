import type { Peer } from '@millrace/core'
import { decodePacket, ipv4, LayerRig, type RigOutput, tcpSegment, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import type { NatEvent } from './exhaustion.ts'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'

const udpTo = (host: number, sourcePort: number, source = '10.0.0.2'): Uint8Array =>
  ipv4({ source, destination: `198.51.100.${host}` }, udpSegment({ sourcePort, destinationPort: 53 }))
const synTo = (host: number, sourcePort: number): Uint8Array =>
  ipv4(
    { source: '10.0.0.2', destination: `198.51.100.${host}` },
    tcpSegment({ sourcePort, destinationPort: 80, flags: 'SYN' }),
  )
const upPorts = (output: readonly RigOutput[]): number[] =>
  output.filter(({ direction }) => direction === 'up').map(({ bytes }) => decodePacket(bytes).sourcePort as number)

async function rigWith(options: Partial<NatOptions>) {
  const layer = nat({ address: '203.0.113.7', gatewayAddress: '10.0.0.1', ...options })
  const events: NatEvent[] = []
  layer.events.subscribe((event) => events.push(event))
  return { layer, events, rig: await LayerRig.start(layer) }
}

describe('the bounds of nat', () => {
  test('four ports carry four UDP endpoints, and four TCP connections to each destination', async () => {
    const { layer, events, rig } = await rigWith({ ports: [4000, 4003] })
    for (let port = 1; port <= 4; port++) rig.up(udpTo(7, port), synTo(7, port), synTo(8, port))
    const ports = upPorts(rig.take())
    for (const kind of [0, 1, 2]) {
      expect(ports.filter((_, i) => i % 3 === kind).sort()).toEqual([4000, 4001, 4002, 4003])
    }
    rig.up(udpTo(7, 5), synTo(7, 5), synTo(9, 5), udpTo(8, 1))
    const output = rig.take()
    expect(upPorts(output).length).toBe(2)
    expect(rig.drops).toEqual(new Map([['ports-exhausted', 2]]))
    // RFC 5508 REQ-8: the sender is told.
    expect(
      output.filter(({ direction }) => direction === 'down').map(({ bytes }) => decodePacket(bytes)),
    ).toMatchObject([
      { source: '10.0.0.1', destination: '10.0.0.2', type: 3, code: 13 },
      { source: '10.0.0.1', destination: '10.0.0.2', type: 3, code: 13 },
    ])
    expect(events).toEqual([{ type: 'exhausted', resource: 'ports', protocol: 17, peer: undefined, refused: 1 }])
    expect(layer.statistics()).toMatchObject({
      refused: { ports: 2 },
      sessions: { udpPorts: 4, udp: 5, tcpOpening: 9 },
    })
  })

  test('ports come back when their sessions have ended', async () => {
    const { rig } = await rigWith({ ports: [4000, 4003] })
    for (let port = 1; port <= 4; port++) rig.up(udpTo(7, port), synTo(7, port))
    rig.take()
    rig.clock.advance(300_000)
    for (let port = 5; port <= 8; port++) rig.up(udpTo(7, port), synTo(7, port))
    expect(upPorts(rig.take()).length).toBe(8)
    expect(rig.drops.size).toBe(0)
  })

  test('a reserved port is never used', async () => {
    const { rig } = await rigWith({ ports: [51_818, 51_821], reservedPorts: [51_820, 53] })
    for (let port = 1; port <= 4; port++) rig.up(udpTo(7, port), synTo(7, port))
    const ports = upPorts(rig.take())
    expect(ports.length).toBe(6)
    expect(ports).not.toContain(51_820)
    expect(rig.drops).toEqual(new Map([['ports-exhausted', 2]]))
  })

  test('a full table refuses what is new and keeps what it has', async () => {
    const { layer, events, rig } = await rigWith({ sessions: 3, sessionsPerPeer: 3 })
    for (let port = 1; port <= 5; port++) rig.up(udpTo(7, port))
    expect(upPorts(rig.take()).length).toBe(3)
    rig.up(udpTo(7, 1), udpTo(7, 2), udpTo(7, 3))
    expect(upPorts(rig.take()).length).toBe(3)
    expect(rig.drops).toEqual(new Map([['sessions-exhausted', 2]]))
    expect(events).toMatchObject([{ resource: 'sessions', refused: 1 }])
    expect(layer.statistics()?.sessions).toMatchObject({ udp: 3, opened: 3 })
  })

  test('one peer cannot take the sessions of the others', async () => {
    const { layer, events, rig } = await rigWith({ sessionsPerPeer: 2 })
    const [laptop, phone] = [{ name: 'laptop' }, { name: 'phone' }]
    for (let port = 1; port <= 4; port++) rig.up({ bytes: udpTo(7, port), peer: laptop })
    rig.up({ bytes: udpTo(7, 1, '10.0.0.3'), peer: phone })
    expect(upPorts(rig.take()).length).toBe(3)
    expect(rig.drops).toEqual(new Map([['peer-sessions-exhausted', 2]]))
    expect(events).toMatchObject([{ resource: 'peer-sessions', peer: laptop }])
    expect(layer.statistics()?.peers).toEqual([
      { peer: laptop, sessions: 2, ports: 2 },
      { peer: phone, sessions: 1, ports: 1 },
    ])
    rig.clock.advance(300_000)
    expect(layer.statistics()?.peers).toEqual([])
    rig.up({ bytes: udpTo(7, 5), peer: laptop })
    expect(upPorts(rig.take()).length).toBe(1)
  })

  test('one peer cannot take the ports of the others, nor begin sessions at any rate', async () => {
    const { layer, events, rig } = await rigWith({
      portsPerPeer: 3,
      newSessionsPerPeer: { perSecond: 10, burst: 5 },
    })
    const [laptop, phone] = [{ name: 'laptop' }, { name: 'phone' }]
    for (let port = 1; port <= 4; port++) rig.up({ bytes: udpTo(7, port), peer: laptop })
    expect(upPorts(rig.take()).length).toBe(3)
    expect(rig.drops).toEqual(new Map([['peer-ports-exhausted', 1]]))
    // Another destination needs no other port; TCP has ports for each destination.
    rig.up({ bytes: udpTo(8, 1), peer: laptop }, { bytes: synTo(7, 1), peer: laptop })
    expect(upPorts(rig.take()).length).toBe(1)
    expect(rig.drops.get('peer-rate-exceeded')).toBe(1)
    rig.up({ bytes: udpTo(7, 1, '10.0.0.3'), peer: phone })
    expect(upPorts(rig.take()).length).toBe(1)
    rig.clock.advance(100)
    rig.up({ bytes: synTo(7, 1), peer: laptop }, { bytes: synTo(8, 1), peer: laptop })
    expect(upPorts(rig.take()).length).toBe(1)
    expect(rig.drops.get('peer-rate-exceeded')).toBe(2)
    expect(events.map(({ resource }) => resource)).toEqual(['peer-ports', 'peer-rate'])
    expect(layer.statistics()?.peers).toEqual([
      { peer: laptop, sessions: 5, ports: 3 },
      { peer: phone, sessions: 1, ports: 1 },
    ])
  })

  test('by default one peer gets at most a quarter of the ports', async () => {
    const { layer, rig } = await rigWith({ ports: [10_000, 18_191], sessions: 10_000, sessionsPerPeer: 10_000 })
    const pool = Array.from({ length: 3000 }, (_, i) => udpTo(7, i + 1))
    for (let i = 0; i < pool.length; i += 200) rig.up(...pool.slice(i, i + 200))
    expect(layer.statistics()?.peers).toEqual([{ peer: '10.0.0.2', sessions: 2048, ports: 2048 }])
    expect(rig.drops).toEqual(new Map([['peer-ports-exhausted', 952]]))
  })

  test('without peers each inside address has its share', async () => {
    const { layer, rig } = await rigWith({ sessionsPerPeer: 1 })
    rig.up(udpTo(7, 1), udpTo(7, 2), udpTo(7, 1, '10.0.0.3'))
    expect(layer.statistics()?.peers).toEqual([
      { peer: '10.0.0.2', sessions: 1, ports: 1 },
      { peer: '10.0.0.3', sessions: 1, ports: 1 },
    ])
    expect(rig.drops).toEqual(new Map([['peer-sessions-exhausted', 1]]))
  })

  test('events come once a second, and count what was refused between', async () => {
    const { events, rig } = await rigWith({ sessions: 1 })
    rig.up(udpTo(7, 1))
    for (let i = 0; i < 10; i++) rig.up(udpTo(7, 2))
    expect(events.map((event) => event.refused)).toEqual([1])
    rig.clock.advance(1000)
    rig.up(udpTo(7, 2))
    expect(events.map((event) => event.refused)).toEqual([1, 10])
  })

  test('answers are limited, drops are not, and the flood of one peer leaves the others theirs', async () => {
    const { layer, rig } = await rigWith({ sessions: 1 })
    rig.up(udpTo(7, 1))
    rig.take()
    const answered = (name: string, tries: number): number => {
      const peer = peers.get(name) ?? { name }
      peers.set(name, peer)
      for (let i = 0; i < tries; i++) rig.up({ bytes: udpTo(7, 2), peer })
      return rig.take().length
    }
    const peers = new Map<string, Peer>()
    expect(answered('flooder', 1000)).toBe(25)
    expect(layer.statistics()?.errorsInside).toEqual({ sent: 25, limited: 975, unsent: 0 })
    for (let peer = 0; peer < 9; peer++) expect(answered(`${peer}`, 25)).toBe(25)
    expect(answered('one more than there is', 25)).toBe(0)
    for (let second = 0; second < 5; second++) {
      rig.clock.advance(1000)
      expect([answered('flooder', 1000), answered('0', 20)]).toEqual([25, 20])
    }
    expect(rig.drops).toEqual(new Map([['sessions-exhausted', 6000 + 225 + 25 + 100]]))
    expect(rig.pool.inUse).toBe(0)
  })

  test('a sender outside leaves the others outside theirs, too', async () => {
    const { layer, rig } = await rigWith({ forwards: [{ protocol: 'udp', port: 53, to: '10.0.0.5' }] })
    const answered = (remote: number, tries: number): number => {
      const spent = { source: `198.51.100.${remote}`, destination: '203.0.113.7', ttl: 1 }
      for (let i = 0; i < tries; i++) rig.down(ipv4(spent, udpSegment({ sourcePort: 9, destinationPort: 53 })))
      return rig.take().length
    }
    expect([answered(7, 1000), answered(8, 20)]).toEqual([25, 20])
    expect(layer.statistics()?.errorsOutside).toEqual({ sent: 45, limited: 975, unsent: 0 })
  })

  test('many sessions that fall due together have ended at once, though they are removed by and by', async () => {
    const { layer, rig } = await rigWith({ sessions: 8000, sessionsPerPeer: 8000 })
    for (let port = 1; port <= 6000; port++) rig.up(udpTo(7, port))
    const outside = decodePacket(rig.take().at(-1)!.bytes).sourcePort as number
    rig.clock.advance(300_000)
    // The last one made: far more than one step of removals away from the head of the list.
    rig.down(
      ipv4(
        { source: '198.51.100.7', destination: '203.0.113.7' },
        udpSegment({ sourcePort: 53, destinationPort: outside }),
      ),
    )
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(new Map([['no-mapping', 1]]))
    expect(layer.statistics()?.sessions).toMatchObject({ udp: 0, udpPorts: 0, expired: 6000 })
  })
})
