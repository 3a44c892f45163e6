import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Batch } from './batch.ts'
import { PacketPool } from './pool.ts'
import type { PooledPacket } from './pooled-packet.ts'

const pool = new PacketPool({ slots: 64, jumboSlots: 0 })

/** A batch of packets whose first byte is their number. */
function numbered(count: number): { batch: Batch<PooledPacket>; drops: [string, number][]; release(): void } {
  const batch = new Batch<PooledPacket>()
  const drops: [string, number][] = []
  batch.drops = { count: (reason, packets) => void drops.push([reason, packets]) }
  for (let i = 0; i < count; i++) {
    const packet = pool.acquire(100)!
    packet.length = 100
    packet.memory[packet.offset] = i
    batch.push(packet)
  }
  const held = [...batch]
  const release = (): void => {
    for (const packet of held) packet.release()
  }
  return { batch, drops, release }
}
const number = (packet: PooledPacket): number => packet.memory[packet.offset] as number

describe('a batch', () => {
  test('is a list: push, at, length, iteration, clear', () => {
    const { batch, release } = numbered(3)
    expect([batch.length, number(batch.at(2)), [...batch].map(number)]).toEqual([3, 2, [0, 1, 2]])
    batch.clear()
    expect([batch.length, [...batch]]).toEqual([0, []])
    release()
  })

  test('sift keeps the order and drops the rest by name, as filtering a list does', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(undefined, 'odd', 'late'), { maxLength: 50 }), (verdicts) => {
        const { batch, drops, release } = numbered(verdicts.length)
        batch.sift((packet) => verdicts[number(packet)])
        expect([...batch].map(number)).toEqual([...verdicts.keys()].filter((i) => verdicts[i] === undefined))
        expect(drops).toEqual(verdicts.filter((reason) => reason !== undefined).map((reason) => [reason, 1]))
        batch.push(pool.acquire(1)!)
        const [last] = [...batch].slice(-1)
        expect(last?.length).toBe(0)
        last?.release()
        release()
      }),
    )
    expect(pool.inUse).toBe(0)
  })

  test('a dropped super-packet counts its segments; drop alone removes nothing', () => {
    const { batch, drops, release } = numbered(2)
    batch.at(0).segmentSize = 40
    batch.drop(batch.at(0), 'no-mapping')
    batch.drop(batch.at(1), 'no-mapping')
    expect([drops, batch.length]).toEqual([
      [
        ['no-mapping', 3],
        ['no-mapping', 1],
      ],
      2,
    ])
    release()
  })

  test('replace puts what is returned in the same place', () => {
    const { batch, release } = numbered(3)
    const [a, b, c] = [...batch]
    const order = new Map([
      [a, c],
      [b, b],
      [c, a],
    ])
    batch.replace((packet) => order.get(packet)!)
    expect([...batch].map(number)).toEqual([2, 1, 0])
    release()
  })

  test('outside of a stack drops are counted nowhere, and nothing throws', () => {
    const batch = new Batch<PooledPacket>()
    const packet = pool.acquire(1)!
    batch.push(packet)
    batch.sift(() => 'any')
    expect(batch.length).toBe(0)
    packet.release()
  })
})
