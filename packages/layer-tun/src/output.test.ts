import { asIpPacket, type IpPacket, PacketPool, type PooledPacket, parseIp } from '@millrace/core'
import { pooledPacket } from '@millrace/core/testing'
import { Errno } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import type { TunOffload } from './offload.ts'
import { TunOutput } from './output.ts'
import { FakeTun } from './test-support/fake-tun.ts'
import { hex, ip, offloadHeader, pattern, superPacket, udp, unsummed, virtioHeader } from './test-support/packets.ts'

const pool = new PacketPool({ slots: 4, jumboSlots: 2 })

afterEach(() => expect(pool.inUse).toBe(0))

function setUp(hasHeader = true, takes = { tcp: true, udp: true }) {
  const tun = new FakeTun(hasHeader)
  const refused: boolean[] = []
  const cut: IpPacket[] = []
  const offload = { ...takes, refused: (isTcp: boolean) => void refused.push(isTcp) } as TunOffload
  const output = new TunOutput(tun.system, pool, tun.handle, offload, (packet) => {
    cut.push(packet)
    return 'taken apart'
  })
  return { tun, output, refused, cut }
}

const bytes = ip(4, udp(pattern(40)))

test.each([
  [Errno.EAGAIN, 'tun-queue-full'],
  [Errno.ENOBUFS, 'tun-queue-full'],
  [Errno.ENOMEM, 'tun-queue-full'],
  [Errno.EINVAL, 'tun-refused'],
  [Errno.EIO, 'tun-down'],
  [Errno.EBADFD, 'tun-gone'],
  [Errno.EPERM, 'tun-write-failed'],
])('errno %i of a write is the drop %s', (errno, reason) => {
  for (const hasHeader of [true, false]) {
    const { tun, output } = setUp(hasHeader)
    tun.refuse = () => -errno
    const packet = pooledPacket(pool, bytes)
    expect(output.write(packet)).toBe(reason)
    packet.release()
  }
})

test('an ordinary packet goes out as it is, behind a header of zeros where there is one', () => {
  for (const hasHeader of [true, false]) {
    const { tun, output } = setUp(hasHeader)
    const packet = pooledPacket(pool, bytes)
    packet.memory.fill(0xee, packet.offset - 10, packet.offset)
    expect(output.write(packet)).toBeUndefined()
    expect(tun.written).toEqual([Uint8Array.of(...(hasHeader ? virtioHeader() : []), ...bytes)])
    expect(packet.bytes()).toEqual(bytes)
    packet.release()
  }
})

test.each([10, 9, 0])('a packet with %i bytes before it goes out the same', (headroom) => {
  const { tun, output } = setUp()
  const neighbour = pool.acquire(1) as PooledPacket
  const packet = pool.acquire(bytes.length) as PooledPacket
  packet.memory.fill(0xee, 0, pool.memory.length)
  packet.offset = packet.slotStart + headroom
  packet.memory.set(bytes, packet.offset)
  packet.length = bytes.length
  parseIp(packet)
  expect(output.write(asIpPacket(packet))).toBeUndefined()
  expect(tun.written).toEqual([Uint8Array.of(...virtioHeader(), ...bytes)])
  const before = pool.memory.subarray(0, packet.slotStart)
  expect(before.every((byte) => byte === 0xee)).toBe(true)
  packet.release()
  neighbour.release()
})

test('a packet that has left its slot is not shown to the kernel', () => {
  const { tun, output } = setUp()
  const packet = pooledPacket(pool, bytes) as PooledPacket & IpPacket
  const { offset } = packet
  expect(output.write(packet)).toBeUndefined()
  for (const [at, length] of [
    [packet.slotStart - 1, 40],
    [packet.slotEnd - 39, 40],
    [offset, 1 << 20],
    [offset, 0],
    [offset, -1],
    [Number.NaN, 40],
    [offset, Number.NaN],
  ] as const) {
    packet.offset = at
    packet.length = length
    for (const size of [0, 20]) {
      packet.segmentSize = size
      expect(output.write(packet), `${at} ${length}`).toBe('packet-out-of-bounds')
    }
  }
  packet.release()
  const other = pooledPacket(new PacketPool({ slots: 1, jumboSlots: 0 }), bytes)
  expect(output.write(other)).toBe('packet-out-of-bounds')
  expect(tun.written).toHaveLength(1)
})

describe.each([
  [4, 'tcp'],
  [6, 'udp'],
] as const)('a super-packet of IPv%i %s', (version, protocol) => {
  test.each([128, 3])('with %i bytes before it goes out whole, with a header that says how to cut it', (headroom) => {
    const { tun, output, cut } = setUp()
    const packet = superPacket(pool, version, protocol, 1000, pattern(60_000)) as PooledPacket & IpPacket
    packet.memory.copyWithin(packet.slotStart + headroom, packet.offset, packet.offset + packet.length)
    packet.offset = packet.slotStart + headroom
    parseIp(packet)
    expect(output.write(packet)).toBeUndefined()
    const header = offloadHeader(version, protocol, 1000)
    header[2] = packet.segmentHeader
    expect(tun.written.map((bytes) => hex(bytes))).toEqual([hex(header, unsummed(packet.bytes(), version, protocol))])
    expect(cut).toEqual([])
    packet.release()
  })

  test('is taken apart where the device does not take it', () => {
    const other = protocol === 'tcp' ? { tcp: false, udp: true } : { tcp: true, udp: false }
    for (const { output, cut, tun } of [setUp(true, other), setUp(false, { tcp: false, udp: false })]) {
      const packet = superPacket(pool, version, protocol, 1000, pattern(60_000))
      expect(output.write(packet)).toBe('taken apart')
      expect([cut, tun.written]).toEqual([[packet], []])
      packet.release()
    }
  })

  test('is taken apart when the kernel refuses it, and the offload is told', () => {
    const { tun, output, cut, refused } = setUp()
    tun.refuse = () => -Errno.EINVAL
    const packet = superPacket(pool, version, protocol, 1000, pattern(60_000))
    expect(output.write(packet)).toBe('taken apart')
    expect([cut, refused]).toEqual([[packet], [protocol === 'tcp']])
    packet.release()
  })

  test('is dropped as any other while the interface is down', () => {
    const { tun, output, cut, refused } = setUp()
    tun.refuse = () => -Errno.EIO
    const packet = superPacket(pool, version, protocol, 1000, pattern(60_000))
    expect(output.write(packet)).toBe('tun-down')
    expect([cut, refused]).toEqual([[], []])
    packet.release()
  })

  test('that is not in order is dropped by name', () => {
    const { tun, output } = setUp()
    const packet = superPacket(pool, version, protocol, 1000, pattern(60_000))
    packet.segmentHeader++
    expect(output.write(packet)).toBe('super-packet-malformed')
    expect(tun.written).toEqual([])
    packet.release()
  })
})
