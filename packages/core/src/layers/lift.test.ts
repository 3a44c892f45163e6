import { describe, expect, test } from 'vitest'
import type { Batch } from '../packet/batch.ts'
import type { Direction, IpPacket } from '../packet/packet.ts'
import { stack } from '../stack/stack.ts'
import { MemoryHost } from '../testing/memory-host.ts'
import { ipv4, udpSegment } from '../testing/packets.ts'
import { filter, liftBatch, map, tap } from './lift.ts'

const to = (destinationPort: number): Uint8Array =>
  ipv4({ source: '10.0.0.2', destination: '198.51.100.7' }, udpSegment({ sourcePort: 5000, destinationPort }))
const port = (bytes: Uint8Array): number => bytes[22]! * 256 + bytes[23]!

async function startWith(layer: ReturnType<typeof tap<IpPacket>>) {
  const atWire: number[] = []
  const atHost: number[] = []
  const wire = new MemoryHost({ name: 'wire', receive: (bytes) => void atWire.push(port(bytes)) })
  const host = new MemoryHost({ name: 'host', receive: (bytes) => void atHost.push(port(bytes)) })
  const running = await stack(wire).layer(layer).end(host).start()
  return { wire, host, atWire, atHost, running }
}

describe('tap', () => {
  test('is shown every packet with its direction, and lets it pass', async () => {
    const seen: [number, Direction][] = []
    const { wire, host, atWire, atHost } = await startWith(
      tap((packet, direction) => void seen.push([packet.destinationPort, direction])),
    )
    wire.send(to(1), to(2))
    host.send(to(3))
    expect(seen).toEqual([
      [1, 'up'],
      [2, 'up'],
      [3, 'down'],
    ])
    expect([atHost, atWire]).toEqual([[1, 2], [3]])
  })
})

describe('filter', () => {
  test('lets pass, in order, what it accepts, both ways, and counts the rest by name', async () => {
    const { wire, host, atWire, atHost, running } = await startWith(
      filter((packet) => packet.destinationPort !== 25, { name: 'no-mail', reason: 'smtp-blocked' }),
    )
    wire.send(to(80), to(25), to(443), to(25))
    host.send(to(25), to(53))
    expect([atHost, atWire]).toEqual([[80, 443], [53]])
    expect(running.drops()).toEqual([{ line: 'no-mail', reason: 'smtp-blocked', packets: 3 }])
  })

  test('may judge by direction', async () => {
    const { wire, host, atWire, atHost } = await startWith(filter((_, direction) => direction === 'up'))
    wire.send(to(1))
    host.send(to(2))
    expect([atHost, atWire]).toEqual([[1], []])
  })

  test('hands no empty batch on', async () => {
    const { wire, running } = await startWith(filter(() => false))
    wire.send(to(1))
    expect(running.edges()[1]).toMatchObject({ to: 'host', batches: 0 })
    expect(running.drops()).toEqual([{ line: 'filter', reason: 'filtered', packets: 1 }])
  })
})

describe('map', () => {
  test('changes a packet in place or puts another in its place; both go back to the pool', async () => {
    const { wire, atHost, running } = await startWith(
      map((packet) => {
        if (packet.destinationPort === 1) {
          packet.view.setUint16(packet.transport + 2, 100)
          return packet
        }
        const other = running.pool.copy(packet)!
        other.view.setUint16(other.transport + 2, 200)
        queueMicrotask(() => other.release())
        return other
      }),
    )
    wire.send(to(1), to(2))
    expect(atHost).toEqual([100, 200])
    expect(running.pool.inUse).toBe(1)
    await Promise.resolve()
    expect(running.pool.inUse).toBe(0)
  })
})

describe('liftBatch', () => {
  test('runs over the whole batch, and hands on what is left in it', async () => {
    const lengths: number[] = []
    const work = (batch: Batch<IpPacket>): void => {
      lengths.push(batch.length)
      batch.sift((packet) => (packet.destinationPort > 2 ? 'too-many' : undefined))
    }
    const { wire, atHost } = await startWith(liftBatch('first-two', work))
    wire.send(to(1), to(2), to(3))
    expect([lengths, atHost]).toEqual([[3], [1, 2]])
  })
})
