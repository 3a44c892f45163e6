import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../contract/index.ts'
import type { IpPacket } from '../packet/packet.ts'
import { layers } from '../stack/chain.ts'
import { stack } from '../stack/stack.ts'
import { MemoryHost } from '../testing/memory-host.ts'
import { ipv4, udpSegment } from '../testing/packets.ts'
import { fork } from './fork.ts'
import { filter, tap } from './lift.ts'
import { destinationIn } from './match.ts'

const to = (destination: string, destinationPort = 53): Uint8Array =>
  ipv4({ source: '10.0.0.2', destination }, udpSegment({ sourcePort: 5000, destinationPort }))
const describeTo = (bytes: Uint8Array): string => `${bytes.slice(16, 20).join('.')}:${bytes[22]! * 256 + bytes[23]!}`

function end(name: string) {
  const seen: string[] = []
  const host = new MemoryHost({ name, receive: (bytes) => void seen.push(describeTo(bytes)) })
  return { seen, host, send: (...packets: Uint8Array[]) => host.send(...packets) }
}

describe('fork', () => {
  test('by prefix: what matches goes to the other end, in order, and both ends send down', async () => {
    const [wire, office, host] = [end('wire'), end('office'), end('host')]
    const gateway = stack(wire.host)
      .layer(fork(destinationIn('192.168.0.0/16'), office.host))
      .end(host.host)
    await using _running = await gateway.start()
    wire.send(to('192.168.1.1', 1), to('198.51.100.7', 2), to('192.168.1.2', 3), to('198.51.100.8', 4))
    expect(office.seen).toEqual(['192.168.1.1:1', '192.168.1.2:3'])
    expect(host.seen).toEqual(['198.51.100.7:2', '198.51.100.8:4'])
    office.send(to('10.0.0.2', 5))
    host.send(to('10.0.0.2', 6))
    expect(wire.seen).toEqual(['10.0.0.2:5', '10.0.0.2:6'])
  })

  test('by predicate, to a chain with an end: its lines, edges and drops count under their own names', async () => {
    const [wire, office, host] = [end('wire'), end('office'), end('host')]
    const inside = layers<IpPacket>()
      .layer(filter((packet) => packet.destinationPort !== 25, { name: 'no-mail' }))
      .end(office.host)
    const gateway = stack(wire.host)
      .layer(fork((packet) => packet.destinationPort < 1000, inside, { name: 'low-ports' }))
      .end(host.host)
    await using running = await gateway.start()
    wire.send(to('198.51.100.7', 25), to('198.51.100.7', 80), to('198.51.100.7', 8080))
    office.send(Uint8Array.of(0))
    expect([office.seen, host.seen]).toEqual([['198.51.100.7:80'], ['198.51.100.7:8080']])
    const edges = running.edges().map(({ from, to, packets }) => `${from} > ${to} ${packets}`)
    expect(edges).toEqual([
      'wire > low-ports 3',
      'low-ports > host 1',
      'low-ports > wire 0',
      'host > low-ports 0',
      'low-ports > no-mail 2',
      'no-mail > office 1',
      'no-mail > low-ports 0',
      'office > no-mail 0',
    ])
    expect(running.drops()).toEqual([
      { line: 'no-mail', reason: 'filtered', packets: 1 },
      { line: 'office', reason: 'not-ip', packets: 1 },
    ])
  })

  test('the drops of a bare end are counted, and when it throws the other packets still pass', async () => {
    const [wire, host] = [end('wire'), end('host')]
    const refusing: Endpoint<IpPacket> = {
      name: 'refusing',
      connect: () => ({
        serve(batch) {
          for (const packet of batch) batch.drop(packet, 'not-here')
          if (batch.length > 1) throw new Error('boom')
        },
      }),
    }
    const gateway = stack(wire.host)
      .layer(fork(destinationIn('192.168.0.0/16'), refusing))
      .end(host.host)
    await using running = await gateway.start()
    wire.send(to('192.168.1.1'))
    wire.send(to('192.168.1.1'), to('192.168.1.1'), to('198.51.100.7'))
    expect(host.seen).toEqual(['198.51.100.7:53'])
    expect(running.drops()).toEqual([
      { line: 'refusing', reason: 'not-here', packets: 3 },
      { line: 'refusing', reason: 'layer-threw', packets: 2 },
    ])
  })

  test('entered again while it serves, it delivers each packet once', async () => {
    const [host, wire] = [end('host'), end('wire')]
    const seen: string[] = []
    // As a local service does: it answers while it is served, and the answer comes up again at once.
    const office = new MemoryHost({
      name: 'office',
      receive: (bytes) => {
        seen.push(describeTo(bytes))
        if (seen.length < 3) wire.send(to('192.168.1.1', 100 + seen.length), to('198.51.100.7', 200 + seen.length))
      },
    })
    const gateway = stack(wire.host)
      .layer(fork(destinationIn('192.168.0.0/16'), office))
      .end(host.host)
    await using running = await gateway.start()
    wire.send(to('192.168.1.1', 1), to('198.51.100.7', 2))
    expect(seen).toEqual(['192.168.1.1:1', '192.168.1.1:101', '192.168.1.1:102'])
    expect(host.seen).toEqual(['198.51.100.7:202', '198.51.100.7:201', '198.51.100.7:2'])
    expect(running.pool.inUse).toBe(0)
  })

  test('a predicate that throws leaves nothing behind for the next batch', async () => {
    const [wire, office, host] = [end('wire'), end('office'), end('host')]
    const picky = (packet: IpPacket): boolean => {
      if (packet.destinationPort === 13) throw new Error('boom')
      return false
    }
    const gateway = stack(wire.host).layer(fork(picky, office.host)).end(host.host)
    await using running = await gateway.start()
    wire.send(to('198.51.100.7', 1), to('198.51.100.7', 13))
    wire.send(to('198.51.100.7', 2))
    expect(host.seen).toEqual(['198.51.100.7:2'])
    expect(running.drops()).toEqual([{ line: 'fork', reason: 'layer-threw', packets: 2 }])
  })

  test('a fork inside a fork', async () => {
    const [wire, host, a, b] = [end('wire'), end('host'), end('a'), end('b')]
    const outer = layers<IpPacket>()
      .layer(tap(() => {}))
      .layer(fork(destinationIn('192.168.7.0/24'), b.host))
      .end(a.host)
    await using running = await stack(wire.host)
      .layer(fork(destinationIn('192.168.0.0/16'), outer))
      .end(host.host)
      .start()
    wire.send(to('192.168.7.1'), to('192.168.1.1'), to('198.51.100.7'))
    expect([b.seen, a.seen, host.seen]).toEqual([['192.168.7.1:53'], ['192.168.1.1:53'], ['198.51.100.7:53']])
    b.send(to('10.0.0.2'))
    expect(wire.seen).toEqual(['10.0.0.2:53'])
    expect(running.edges()).toHaveLength(4 + 6 + 2)
  })
})
