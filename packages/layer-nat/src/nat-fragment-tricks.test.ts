import { icmpError, ipv4, LayerRig, payload, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'
import { cut } from './test-support/cut.ts'

const inside = { source: '10.0.0.2', destination: '198.51.100.7', id: 77 }
const data = Uint8Array.from({ length: 3000 }, (_, i) => i * 7)
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, data)
const fragments = cut(ipv4(inside, udp), 1200)
const start = (options: Partial<NatOptions> = {}): Promise<LayerRig> =>
  LayerRig.start(nat({ address: '203.0.113.7', ...options }))

describe('fragments that are a trick', () => {
  test.each<[string, number, number, string]>([
    ['overlaps by a part', 1168, 24, 'fragment-overlap'],
    ['comes again', 584, 16, 'fragment-repeated'],
  ])('one that %s', async (_what, fragmentOffset, length, reason) => {
    const rig = await start()
    rig.up(fragments[0]!, ipv4({ ...inside, fragmentOffset, moreFragments: true }, payload(17, payload8(length))))
    expect(rig.take().length).toBe(1)
    expect(rig.drops).toEqual(new Map([[reason, 1]]))
    rig.up(fragments[1]!, fragments[2]!)
    // After an overlap nothing more of the datagram passes.
    expect(rig.take().length).toBe(reason === 'fragment-overlap' ? 0 : 2)
    expect(rig.drops.get('fragment-refused')).toBe(reason === 'fragment-overlap' ? 2 : undefined)
  })

  test.each<[string, Uint8Array, string]>([
    ['behind the end', ipv4({ ...inside, fragmentOffset: 4000 }, payload(17, payload8(8))), 'fragment-overlap'],
    ['of the end, too early', ipv4({ ...inside, fragmentOffset: 8 }, payload(17, payload8(8))), 'fragment-overlap'],
  ])('one %s is a trick', async (_what, trick, reason) => {
    const rig = await start()
    rig.up(fragments[0]!, fragments[2]!, trick)
    expect(rig.take().length).toBe(2)
    expect(rig.drops).toEqual(new Map([[reason, 1]]))
  })

  test.each<[string, Uint8Array, string]>([
    ['of odd length', ipv4({ ...inside, moreFragments: true }, payload(17, new Uint8Array(13))), 'fragment-invalid'],
    ['of nothing', ipv4({ ...inside, fragmentOffset: 8 }, payload(17)), 'fragment-invalid'],
    [
      'that makes more than 65,535 bytes (ping of death)',
      ipv4({ ...inside, fragmentOffset: 65_528 }, payload(1, new Uint8Array(100))),
      'fragment-invalid',
    ],
    [
      'that would rewrite TCP flags (RFC 3128)',
      ipv4({ ...inside, fragmentOffset: 8 }, payload(6, payload8(16))),
      'fragment-tiny',
    ],
    [
      'of TCP with half a header (RFC 1858)',
      ipv4({ ...inside, moreFragments: true }, payload(6, payload8(16))),
      'transport-truncated',
    ],
    [
      'of an ICMP error',
      ipv4({ ...inside, moreFragments: true }, icmpError({ type: 3, code: 3 }, payload8(32))),
      'fragment-of-error',
    ],
  ])('one %s is dropped', async (_what, bytes, reason) => {
    const rig = await start()
    rig.up(bytes)
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(new Map([[reason, 1]]))
  })
})

function payload8(length: number): Uint8Array {
  return new Uint8Array(length).fill(8)
}
