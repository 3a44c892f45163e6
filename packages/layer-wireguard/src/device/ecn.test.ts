import { asPeerPacket, PacketPool } from '@millrace/core'
import { decodePacket, ipv4, ipv6, pooledPacket, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { carryCongestion, outerTrafficClass } from './ecn.ts'

const pool = new PacketPool({ slots: 4, jumboSlots: 0 })
const [NOT_ECT, ECT_1, ECT_0, CE] = [0, 1, 2, 3]
const AF41 = 0x88
const udp = udpSegment({ sourcePort: 1, destinationPort: 2 }, 'payload')

/** A packet of either version with the given traffic class, as it lies in memory. */
function packetWith(version: 4 | 6, trafficClass: number) {
  const addresses =
    version === 4 ? { source: '10.0.0.1', destination: '10.0.0.2' } : { source: 'fd00::1', destination: 'fd00::2' }
  const bytes = version === 4 ? ipv4({ ...addresses, tos: trafficClass }, udp) : ipv6(addresses, udp)
  if (version === 6) bytes.set([0x60 | (trafficClass >> 4), (trafficClass & 15) << 4], 0)
  return asPeerPacket(pooledPacket(pool, bytes))
}

const trafficClassOf = (version: 4 | 6, bytes: Uint8Array): number =>
  version === 4 ? (bytes[1] as number) : (((bytes[0] as number) & 15) << 4) | ((bytes[1] as number) >> 4)

describe.each([4, 6] as const)('IPv%i', (version) => {
  // RFC 6040 §4.1, compatibility mode of the kernel: a marked packet travels as ECT(0); DSCP stays inside.
  test.each([
    [NOT_ECT, 0],
    [ECT_1, ECT_1],
    [ECT_0, ECT_0],
    [CE, ECT_0],
    [AF41 | ECT_0, ECT_0],
    [AF41, 0],
  ])('inside %i goes out as %i', (inner, outer) => {
    const packet = packetWith(version, inner)
    expect(outerTrafficClass(packet)).toBe(outer)
    packet.release()
  })

  // RFC 6040 §4.2, figure 4.
  test.each([
    [NOT_ECT, CE, NOT_ECT],
    [ECT_0, CE, CE],
    [ECT_1, CE, CE],
    [CE, CE, CE],
    [ECT_0, ECT_0, ECT_0],
    [ECT_0, NOT_ECT, ECT_0],
    [AF41 | ECT_0, CE, AF41 | CE],
  ])('inside %i that came in %i is %i', (inner, outer, result) => {
    const packet = packetWith(version, inner)
    carryCongestion(packet, outer)
    expect(trafficClassOf(version, packet.bytes())).toBe(result)
    expect(() => decodePacket(packet.bytes()), 'all checksums are right').not.toThrow()
    packet.release()
  })
})

test('what is too short, or no IP, is left alone', () => {
  for (const bytes of [Uint8Array.of(), Uint8Array.of(0x45, 2), new Uint8Array(40).fill(0xff)]) {
    const packet = pool.acquire(bytes.length)
    if (packet === undefined) throw new Error('no packet')
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    carryCongestion(asPeerPacket(packet), CE)
    expect(packet.bytes()).toEqual(bytes)
    expect(outerTrafficClass(asPeerPacket(packet))).toBe(0)
    packet.release()
  }
})
