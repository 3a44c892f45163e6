import { PacketPool, type PooledPacket } from '@millrace/core'
import { Errno } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { TunInput } from './input.ts'
import { FakeTun } from './test-support/fake-tun.ts'
import { hex, pattern } from './test-support/packets.ts'

describe.each([true, false])('with a header before each packet: %s', (hasHeader) => {
  const header = hasHeader ? 10 : 0

  function setUp(slots = 2, jumboSlots = 2) {
    const pool = new PacketPool({ slots, jumboSlots })
    const tun = new FakeTun(hasHeader)
    return { pool, tun, input: new TunInput(tun.system, pool, tun.handle) }
  }

  test.each([0, 1, 1855, 1856, 1857, 9000, 65_535])('%i bytes, where they fit, with the header before them', (size) => {
    const { pool, tun, input } = setUp()
    const bytes = pattern(header + size)
    tun.incoming.push(bytes)
    expect(input.acquire()).toBe(true)
    expect(pool.inUse).toBe(2)
    expect(input.read()).toBe(size)
    const packet = input.take(size) as PooledPacket
    expect(packet.slotEnd - packet.slotStart).toBe(size > 1856 ? 67_584 : 2048)
    expect([packet.headroom, packet.length]).toEqual([128, size])
    expect(hex(packet.memory.slice(packet.offset - header, packet.offset + size))).toBe(hex(bytes))
    packet.release()
    input.release()
    expect(pool.inUse).toBe(0)
  })

  test('nothing to read is a negated errno', () => {
    const { input } = setUp()
    input.acquire()
    expect(input.read()).toBe(-Errno.EAGAIN)
    input.release()
  })

  test('the same packets are read into until one is taken', () => {
    const { tun, input, pool } = setUp()
    tun.incoming.push(pattern(header + 50), pattern(header + 9000), pattern(header + 60))
    input.acquire()
    input.read()
    const first = input.take(50)
    expect(input.acquire()).toBe(true)
    input.read()
    const second = input.take(9000)
    // The small one was only passed through.
    expect(pool.inUse).toBe(3)
    expect(input.acquire()).toBe(true)
    expect(input.read()).toBe(60)
    for (const packet of [first, second, input.take(60)]) packet?.release()
    input.release()
    expect(pool.inUse).toBe(0)
  })

  test('without a jumbo slot the small ones still come in, and the large ones are lost whole', () => {
    const { tun, input, pool } = setUp(1, 0)
    tun.incoming.push(pattern(header + 3000), pattern(header + 100))
    expect(input.acquire()).toBe(false)
    expect(input.ready).toBe(true)
    expect(input.read()).toBe(3000)
    expect(input.take(3000)).toBeUndefined()
    expect(input.read()).toBe(100)
    input.take(100)?.release()
    expect(pool.inUse).toBe(0)
  })

  test('without any slot each packet is read and lost', () => {
    const { tun, input } = setUp(0, 0)
    tun.incoming.push(pattern(header + 3000))
    expect(input.acquire()).toBe(false)
    expect(input.ready).toBe(false)
    expect(input.read()).toBe(3000)
    expect(input.take(3000)).toBeUndefined()
    expect(tun.incoming).toEqual([])
  })

  test('with jumbo slots only, everything lands in those', () => {
    const { tun, input, pool } = setUp(0, 2)
    tun.incoming.push(pattern(header + 65_535))
    expect(input.acquire()).toBe(true)
    expect(input.read()).toBe(65_535)
    const packet = input.take(65_535)
    expect(hex(packet?.bytes() ?? new Uint8Array())).toBe(hex(pattern(header + 65_535).subarray(header)))
    packet?.release()
    input.release()
    expect(pool.inUse).toBe(0)
  })
})

test('less than a header is a packet of nothing', () => {
  const pool = new PacketPool({ slots: 1, jumboSlots: 1 })
  const tun = new FakeTun()
  const input = new TunInput(tun.system, pool, tun.handle)
  tun.incoming.push(new Uint8Array(3))
  input.acquire()
  expect(input.read()).toBe(0)
})
