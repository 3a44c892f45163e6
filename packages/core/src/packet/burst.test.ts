import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Batch } from './batch.ts'
import { Burst } from './burst.ts'
import { asIpPacket } from './kind.ts'
import type { IpPacket } from './packet.ts'
import { PacketPool } from './pool.ts'

function filled(pool: PacketPool, count: number): Burst<IpPacket> {
  const burst = new Burst<IpPacket>(pool)
  for (let i = 0; i < count; i++) burst.push(asIpPacket(burst.acquire(100)!))
  return burst
}

describe('a burst', () => {
  test('serves what was pushed, once, as one batch, and is empty and usable again', () => {
    const pool = new PacketPool({ slots: 8, jumboSlots: 0 })
    const burst = filled(pool, 3)
    const lengths: number[] = []
    const service = { serve: (batch: Batch<IpPacket>) => void lengths.push(batch.length) }
    expect(burst.length).toBe(3)
    burst.serve(service)
    burst.serve(service)
    expect([burst.length, pool.inUse]).toEqual([0, 0])
    burst.push(asIpPacket(burst.acquire(1)!))
    burst.serve(service)
    expect(lengths).toEqual([3, 1])
  })

  const actions: Record<string, (batch: Batch<IpPacket>) => void> = {
    nothing: () => {},
    clear: (batch) => batch.clear(),
    sift: (batch) => batch.sift(() => 'no'),
    'replace by one packet': (batch) => {
      const [first] = batch
      if (first !== undefined) batch.replace(() => first)
    },
    'push the same again': (batch) => {
      for (const packet of [...batch]) batch.push(packet)
    },
    'retain and release': (batch) => {
      for (const packet of batch) packet.retain()
      for (const packet of batch) packet.release()
    },
    throw: () => {
      throw new Error('boom')
    },
  }

  test('gives every packet back, whatever layers do to the batch, and when they throw', () => {
    const pool = new PacketPool({ slots: 8, jumboSlots: 0 })
    const steps = fc.array(fc.constantFrom(...Object.keys(actions)), { maxLength: 6 })
    fc.assert(
      fc.property(fc.nat(8), steps, (count, names) => {
        const burst = filled(pool, count)
        const serve = (batch: Batch<IpPacket>): void => {
          for (const name of names) actions[name]?.(batch)
        }
        if (names.includes('throw') && count > 0) expect(() => burst.serve({ serve })).toThrow('boom')
        else burst.serve({ serve })
        expect(pool.inUse).toBe(0)
        const all = Array.from({ length: 8 }, () => pool.acquire(1))
        expect(new Set(all.map((packet) => packet?.slotStart)).size).toBe(8)
        for (const packet of all) packet?.release()
      }),
    )
  })

  test('what somebody retained stays out until it is released', () => {
    const pool = new PacketPool({ slots: 2, jumboSlots: 0 })
    let kept: IpPacket | undefined
    filled(pool, 2).serve({
      serve(batch) {
        kept = batch.at(1)
        kept.retain()
      },
    })
    expect(pool.inUse).toBe(1)
    kept?.release()
    expect(pool.inUse).toBe(0)
  })
})
