import { describe, expect, test } from 'vitest'
import { parseSocketAddress } from '../ip/address.ts'
import { LocalAddress } from '../ip/local-address.ts'
import { parseIp } from '../ip/parse-ip.ts'
import { ipv4, tcpSegment } from '../testing/packets.ts'
import { asIpPacket } from './kind.ts'
import { HEADROOM, MAXIMUM_PACKET, PacketPool, TAILROOM } from './pool.ts'
import type { PooledPacket } from './pooled-packet.ts'

/** The largest packet that fits a small slot, as PoolOptions says. */
const SMALL = 1856

function drain(pool: PacketPool, size: number): PooledPacket[] {
  const held: PooledPacket[] = []
  for (let packet = pool.acquire(size); packet !== undefined; packet = pool.acquire(size)) held.push(packet)
  return held
}

describe('the packet pool', () => {
  test('never grows: empty gives undefined, and what comes back is given out again', () => {
    const pool = new PacketPool({ slots: 3, jumboSlots: 2 })
    const { buffer } = pool.memory
    const held = drain(pool, 1)
    expect([held.length, pool.capacity, pool.inUse]).toEqual([5, 5, 5])
    expect(pool.acquire(1)).toBeUndefined()
    held[1]?.release()
    expect(pool.acquire(1)).toBe(held[1])
    for (const packet of held) packet.release()
    expect(pool.inUse).toBe(0)
    expect(new Set(drain(pool, 1)).size).toBe(5)
    expect(pool.memory.buffer).toBe(buffer)
  })

  test('a large packet takes a large slot, a small one a large slot only when no small one is left', () => {
    const pool = new PacketPool({ slots: 1, jumboSlots: 2 })
    const large = pool.acquire(SMALL + 1)!
    const small = pool.acquire(SMALL)!
    expect(large.slotEnd - large.slotStart).toBeGreaterThan(MAXIMUM_PACKET)
    expect(small.slotEnd - small.slotStart).toBe(2048)
    const another = pool.acquire(SMALL)!
    expect(another.slotEnd - another.slotStart).toBe(large.slotEnd - large.slotStart)
    expect(pool.acquire(1)).toBeUndefined()
    small.release()
    expect(pool.acquire(SMALL + 1)).toBeUndefined()
    expect(pool.acquire(SMALL)).toBe(small)
  })

  test.each([0, 1, SMALL, SMALL + 1, MAXIMUM_PACKET])('a packet of %i bytes has head- and tailroom', (size) => {
    const pool = new PacketPool({ slots: 1, jumboSlots: 1 })
    const packet = pool.acquire(size)!
    expect([packet.length, packet.headroom]).toEqual([0, HEADROOM])
    packet.length = size
    expect(packet.tailroom).toBeGreaterThanOrEqual(TAILROOM)
    packet.offset -= HEADROOM
    packet.length += HEADROOM
    expect(packet.headroom).toBe(0)
    expect(packet.slotStart).toBe(packet.offset)
    expect(packet.offset + packet.length + packet.tailroom).toBe(packet.slotEnd)
  })

  test('nothing is larger than an IP packet can be', () => {
    expect(new PacketPool({ slots: 1, jumboSlots: 1 }).acquire(MAXIMUM_PACKET + 1)).toBeUndefined()
  })

  test('no two packets share a byte', () => {
    const pool = new PacketPool({ slots: 4, jumboSlots: 2 })
    const all = [...drain(pool, SMALL + 1), ...drain(pool, 1)].sort((a, b) => a.slotStart - b.slotStart)
    expect(all).toHaveLength(6)
    for (const [i, packet] of all.entries()) expect(packet.slotStart).toBe(all[i - 1]?.slotEnd ?? 0)
    expect(all.at(-1)?.slotEnd).toBe(pool.memory.length)
  })

  test('its memory is of one size for good, and its sums are over that memory', () => {
    const pool = new PacketPool({ slots: 2, jumboSlots: 1 })
    const packet = pool.acquire(4)!
    packet.memory.set([0x12, 0x34, 0x56], packet.offset)
    expect(pool.sums.sum(packet.offset, 3)).toBe(0x6834)
    expect(pool.sums.copyAndSum(packet.offset, packet.offset + 100, 3)).toBe(0x6834)
    expect([...packet.memory.subarray(packet.offset + 100, packet.offset + 104)]).toEqual([0x12, 0x34, 0x56, 0])
    expect(pool.memory.byteOffset).toBe(0)
    expect(pool.memory.length).toBe(2 * 2048 + 67_584)
    expect(pool.view).toBe(packet.view)
  })

  test('a release too many, or a retain too late, does not give a slot to two owners', () => {
    const pool = new PacketPool({ slots: 2, jumboSlots: 0 })
    const packet = pool.acquire(1)!
    packet.release()
    packet.release()
    packet.retain()
    packet.release()
    expect(pool.inUse).toBe(0)
    expect(new Set(drain(pool, 1)).size).toBe(2)
    expect(pool.inUse).toBe(2)
  })

  test('a packet goes back when the last who holds it releases it', () => {
    const pool = new PacketPool({ slots: 1, jumboSlots: 0 })
    const packet = pool.acquire(1)!
    packet.retain()
    packet.release()
    expect(pool.inUse).toBe(1)
    packet.release()
    expect(pool.inUse).toBe(0)
  })

  test('nothing of the last owner is left when a packet is given out again', () => {
    const pool = new PacketPool({ slots: 1, jumboSlots: 0 })
    const facts = (packet: PooledPacket) => ({
      kind: packet.kind,
      length: packet.length,
      offset: packet.offset,
      segmentSize: packet.segmentSize,
      segmentHeader: packet.segmentHeader,
      direction: packet.direction,
      arrival: packet.arrival,
      peer: packet.peer,
      remote: packet.remote.toString(),
      local: packet.local,
      version: packet.version,
      protocol: packet.protocol,
      transport: packet.transport,
      isFragment: packet.isFragment,
      ports: [packet.sourcePort, packet.destinationPort],
    })
    const packet = pool.acquire(100)!
    const fresh = facts(packet)
    changeEverything(packet)
    const changed = facts(packet)
    for (const [name, value] of Object.entries(changed)) {
      expect(value, name).not.toEqual(fresh[name as keyof typeof fresh])
    }
    packet.release()
    expect(facts(pool.acquire(100)!)).toEqual(fresh)
  })
})

const here = new LocalAddress(4, '192.0.2.2', 3)

function changeEverything(packet: PooledPacket): void {
  const bytes = ipv4(
    { source: '10.0.0.2', destination: '198.51.100.7', moreFragments: true },
    tcpSegment({ sourcePort: 1234, destinationPort: 443 }, 'some data'),
  )
  packet.offset -= 16
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  packet.remote = parseSocketAddress('192.0.2.1:1')
  packet.local = here
  packet.peer = { name: 'laptop' }
  packet.direction = 'down'
  packet.arrival = 42
  packet.segmentSize = 4
  packet.segmentHeader = 40
  parseIp(packet)
  asIpPacket(packet)
}

describe('a copy', () => {
  test('has the same bytes and every fact, in memory of its own', () => {
    const pool = new PacketPool({ slots: 2, jumboSlots: 0 })
    const packet = pool.acquire(100)!
    changeEverything(packet)
    const bytes = packet.bytes().slice()
    const original = asIpPacket(packet)
    const copy = pool.copy(original)!
    expect(copy).not.toBe(original)
    packet.memory.fill(0, packet.slotStart, packet.slotEnd)
    packet.release()
    expect(copy.bytes()).toEqual(bytes)
    expect(copy).toMatchObject({
      kind: 'ip',
      version: 4,
      protocol: 6,
      isFragment: true,
      sourcePort: 1234,
      destinationPort: 443,
      source: '10.0.0.2',
      segmentSize: 4,
      segmentHeader: 40,
      segments: 3,
      direction: 'down',
      arrival: 42,
      peer: { name: 'laptop' },
      remote: parseSocketAddress('192.0.2.1:1'),
      local: here,
      headroom: HEADROOM,
    })
    expect(copy.transport).toBe(copy.offset + 20)
    copy.release()
    expect(pool.inUse).toBe(0)
  })

  test('has room for more, if asked', () => {
    const pool = new PacketPool({ slots: 1, jumboSlots: 1 })
    const packet = asIpPacket(pool.acquire(1)!)
    packet.length = 1
    const copy = pool.copy(packet, MAXIMUM_PACKET)!
    expect(copy.length).toBe(1)
    expect(copy.tailroom).toBeGreaterThanOrEqual(MAXIMUM_PACKET - 1 + TAILROOM)
    expect(pool.copy(packet, MAXIMUM_PACKET + 1)).toBeUndefined()
  })

  test('of a packet without a transport header has none either', () => {
    const pool = new PacketPool({ slots: 2, jumboSlots: 0 })
    const packet = pool.acquire(1)!
    packet.offset += 8
    expect(pool.copy(asIpPacket(packet))?.transport).toBe(0)
  })

  test('is undefined when the pool is empty, and the packet stays as it was', () => {
    const pool = new PacketPool({ slots: 1, jumboSlots: 0 })
    const packet = pool.acquire(1)!
    packet.length = 1
    expect(pool.copy(asIpPacket(packet))).toBeUndefined()
    expect([packet.length, pool.inUse]).toEqual([1, 1])
  })
})
