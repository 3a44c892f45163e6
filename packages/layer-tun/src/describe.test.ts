import { PacketPool } from '@millrace/core'
import { afterEach, describe, expect, test } from 'vitest'
import { acceptPacket } from './accept.ts'
import { describeSuperPacket } from './describe.ts'
import { headersOf, offloadHeader, pattern, pseudoSum, superPacket, virtioHeader } from './test-support/packets.ts'
import { VirtioHeader } from './virtio-header.ts'

const pool = new PacketPool({ slots: 2, jumboSlots: 2 })
const header = new VirtioHeader(pool.view)

afterEach(() => expect(pool.inUse).toBe(0))

describe.each([
  [4, 'tcp'],
  [6, 'tcp'],
  [4, 'udp'],
  [6, 'udp'],
] as const)('IPv%i %s', (version, protocol) => {
  const field = protocol === 'tcp' ? 16 : 6
  const start = version === 4 ? 20 : 40

  test('the kernel is told how to cut it, and finds the sum of the pseudo-header', () => {
    const packet = superPacket(pool, version, protocol, 1348, pattern(20_000))
    header.at = packet.offset - 10
    expect(describeSuperPacket(packet, header)).toBeUndefined()
    const expected = offloadHeader(version, protocol, 1348)
    expected[2] = headersOf(version, protocol)
    expect(packet.memory.slice(header.at, packet.offset)).toEqual(expected)
    expect(packet.view.getUint16(packet.transport + field)).toBe(pseudoSum(packet.bytes(), version, protocol))
    packet.release()
  })

  test('what fits into one segment is left to the kernel for its checksum only', () => {
    const packet = superPacket(pool, version, protocol, 1348, pattern(1348))
    header.at = packet.offset - 10
    expect(describeSuperPacket(packet, header)).toBeUndefined()
    const fields = { flags: 1, headerLength: headersOf(version, protocol), checksumStart: start, checksumOffset: field }
    expect(packet.memory.slice(header.at, packet.offset)).toEqual(virtioHeader(fields))
    packet.release()
  })

  test('what is described is accepted as it was', () => {
    const packet = superPacket(pool, version, protocol, 1000, pattern(3001))
    header.at = packet.offset - 10
    describeSuperPacket(packet, header)
    packet.segmentSize = 0
    packet.segmentHeader = 0
    expect(acceptPacket(packet, header, pool.sums)).toBeUndefined()
    expect([packet.segmentSize, packet.segmentHeader]).toEqual([1000, headersOf(version, protocol)])
    packet.release()
  })
})

test('CWR is announced', () => {
  const packet = superPacket(pool, 6, 'tcp', 1000, pattern(3000))
  packet.memory[packet.transport + 13] = 0x90
  header.at = packet.offset - 10
  expect(describeSuperPacket(packet, header)).toBeUndefined()
  expect(header.gsoType).toBe(0x84)
  packet.release()
})

test.each([
  ['headers that are not those of the bytes', { segmentHeader: 40 }],
  ['no headers', { segmentHeader: 0 }],
  ['a size below zero', { segmentSize: -1 }],
  ['a size above all', { segmentSize: 65_536 }],
  ['no number', { segmentSize: Number.NaN }],
])('%s: dropped by name', (_name, change) => {
  const packet = superPacket(pool, 4, 'tcp', 1000, pattern(3000))
  header.at = packet.offset - 10
  expect(describeSuperPacket(Object.assign(packet, change), header)).toBe('super-packet-malformed')
  packet.release()
})
