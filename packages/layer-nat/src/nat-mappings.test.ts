import { decodePacket, ipv4, LayerRig, packetFromText, payload, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import { Conversation } from './test-support/conversation.ts'

const laptop = { name: 'laptop' }
const udpUp = (port: number, bytes: number, source = '10.0.0.2'): Uint8Array =>
  ipv4(
    { source, destination: '198.51.100.7' },
    udpSegment({ sourcePort: port, destinationPort: 53 }, new Uint8Array(bytes)),
  )

describe('the mapping table of nat', () => {
  test('a row says who talks to whom under which address and port, since when, and how much', async () => {
    const layer = nat({ address: '203.0.113.7' })
    expect([...layer.mappings()]).toEqual([])
    const rig = await LayerRig.start(layer)
    rig.up({ bytes: udpUp(5000, 100), peer: laptop })
    const outside = decodePacket(rig.take()[0]!.bytes).sourcePort as number
    rig.clock.advance(1000)
    rig.up({ bytes: udpUp(5000, 10), peer: laptop })
    rig.clock.advance(500)
    const answer = udpSegment({ sourcePort: 53, destinationPort: outside }, new Uint8Array(1000))
    rig.down(ipv4({ source: '198.51.100.7', destination: '203.0.113.7' }, answer))
    // IP and UDP headers take 28 bytes. What comes from outside keeps nothing alive, so it does not end the idle time.
    expect([...layer.mappings()]).toEqual([
      {
        peer: laptop,
        protocol: 'udp',
        inside: { address: '10.0.0.2', port: 5000 },
        outside: { address: '203.0.113.7', port: outside },
        remote: { address: '198.51.100.7', port: 53 },
        state: 'active',
        age: 1500,
        idle: 500,
        up: { packets: 2, bytes: 166 },
        down: { packets: 1, bytes: 1028 },
      },
    ])
    rig.clock.advance(299_500)
    expect([...layer.mappings()]).toEqual([])
  })

  test('a row of a reused place begins anew', async () => {
    const layer = nat({ address: '203.0.113.7', sessions: 1, sessionsPerPeer: 1 })
    const rig = await LayerRig.start(layer)
    rig.up(udpUp(5000, 100))
    rig.clock.advance(300_000)
    rig.up(udpUp(6000, 0))
    expect([...layer.mappings()]).toMatchObject([
      {
        peer: '10.0.0.2',
        inside: { port: 6000 },
        age: 0,
        idle: 0,
        up: { packets: 1, bytes: 28 },
        down: { packets: 0 },
      },
    ])
  })

  test('rows of one peer, by its name or by the inside address where packets have none', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const rig = await LayerRig.start(layer)
    rig.up({ bytes: udpUp(1, 0), peer: laptop }, { bytes: udpUp(2, 0), peer: laptop }, udpUp(3, 0, '10.0.0.3'))
    const insidePorts = (peer?: string): number[] => [...layer.mappings(peer)].map(({ inside }) => inside.port).sort()
    expect(insidePorts('laptop')).toEqual([1, 2])
    expect(insidePorts('10.0.0.3')).toEqual([3])
    expect(insidePorts('phone')).toEqual([])
    expect(insidePorts()).toEqual([1, 2, 3])
  })

  test('an ICMP echo has its identifier, a protocol without ports its number', async () => {
    const layer = nat({ address: '203.0.113.7', otherProtocols: true })
    const rig = await LayerRig.start(layer)
    const gre = ipv4({ source: '10.0.0.2', destination: '198.51.100.8' }, payload(47, 'GRE header'))
    rig.up(packetFromText('ICMP 10.0.0.2 > 198.51.100.7 echo request 77'), gre)
    const rows = [...layer.mappings()].map(({ protocol, inside, remote }) => [protocol, inside.port, remote.port])
    expect(rows).toEqual([
      ['icmp', 77, 0],
      [47, 0, 0],
    ])
  })

  test('TCP goes from opening to established, closing or reset', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const talk = await Conversation.through(layer)
    const state = (): string | undefined => [...layer.mappings()][0]?.state
    talk.up('SYN', 1000, 0)
    expect(state()).toBe('opening')
    talk.down('SYN ACK', 5000, 1001)
    talk.up('ACK', 1001, 5001)
    expect(state()).toBe('established')
    talk.up('FIN ACK', 1001, 5001)
    expect(state()).toBe('established')
    talk.down('FIN ACK', 5001, 1002)
    expect(state()).toBe('closing')
    talk.up('RST', 1002, 5002)
    expect(state()).toBe('reset')
  })

  test('sessions may come and go while somebody iterates', async () => {
    const layer = nat({ address: '203.0.113.7' })
    const rig = await LayerRig.start(layer)
    for (let port = 1; port <= 10; port++) rig.up(udpUp(port, 0))
    const rows = layer.mappings()[Symbol.iterator]()
    expect(rows.next().done).toBe(false)
    rig.clock.advance(300_000)
    rig.up(udpUp(11, 0))
    const rest: number[] = []
    for (let row = rows.next(); !row.done; row = rows.next()) rest.push(row.value.inside.port)
    // None of those that have ended; the new one if its place was still to come.
    expect([[], [11]]).toContainEqual(rest)
  })
})
