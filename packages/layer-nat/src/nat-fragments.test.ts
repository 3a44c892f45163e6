import { icmpEcho, ipv4, LayerRig, payload, type RigOutput, tcpSegment, udpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatOptions } from './options.ts'
import { cut, join } from './test-support/cut.ts'

const inside = { source: '10.0.0.2', destination: '198.51.100.7', id: 77 }
const outside = { source: '198.51.100.7', destination: '203.0.113.7', id: 78 }
const data = Uint8Array.from({ length: 3000 }, (_, i) => i * 7)
const udp = udpSegment({ sourcePort: 5000, destinationPort: 53 }, data)
const fragments = cut(ipv4(inside, udp), 1200)
const start = (options: Partial<NatOptions> = {}): Promise<LayerRig> =>
  LayerRig.start(nat({ address: '203.0.113.7', ...options }))
const joined = (output: readonly RigOutput[]) => join(output.map(({ bytes }) => bytes))
const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
]

describe('fragments', () => {
  test.each(orders)('there and back in the order %i %i %i, whole again at the end', async (...order) => {
    const rig = await start()
    for (const i of order) rig.up(fragments[i]!)
    const sent = rig.take()
    expect(sent.length).toBe(3)
    const packet = joined(sent)
    expect(packet).toMatchObject({ source: '203.0.113.7', destinationPort: 53, ttl: 63 })
    expect(packet.payload).toEqual(data)
    const answer = ipv4(outside, udpSegment({ sourcePort: 53, destinationPort: packet.sourcePort! }, data))
    const answers = cut(answer, 1200)
    for (const i of order) rig.down(answers[i]!)
    expect(joined(rig.take())).toMatchObject({ destination: '10.0.0.2', destinationPort: 5000, id: 78, payload: data })
    expect(rig.drops.size).toBe(0)
    expect(rig.pool.inUse).toBe(0)
  })

  test.each([
    ['TCP', tcpSegment({ sourcePort: 5000, destinationPort: 80, flags: 'SYN' }, data)],
    ['ICMP echo', icmpEcho({ type: 'request', identifier: 7 }, data)],
  ])('%s in pieces: all of one batch, the first one last', async (_name, transport) => {
    const rig = await start()
    rig.up(...cut(ipv4(inside, transport), 800).reverse())
    const output = rig.take()
    expect(output.length).toBe(4)
    expect(joined(output).source).toBe('203.0.113.7')
    expect(rig.pool.inUse).toBe(0)
  })

  test('two hosts that use one identification at a time get two', async () => {
    const rig = await start()
    const other = cut(ipv4({ ...inside, source: '10.0.0.3' }, udp), 1200)
    for (const [i, fragment] of fragments.entries()) rig.up(fragment, other[i]!)
    const output = rig.take().map(({ bytes }) => bytes)
    const first = join(output.filter((_, i) => i % 2 === 0))
    const second = join(output.filter((_, i) => i % 2 === 1))
    expect(first.id).not.toBe(second.id)
    expect([first.payload, second.payload]).toEqual([data, data])
  })

  test('what is held goes when nothing comes any more, and is counted', async () => {
    const rig = await start()
    rig.up(fragments[1]!, fragments[2]!)
    rig.clock.advance(4999)
    expect(rig.pool.inUse).toBe(2)
    rig.clock.advance(1)
    expect(rig.pool.inUse).toBe(0)
    expect(rig.drops).toEqual(new Map([['fragment-timeout', 2]]))
    rig.up(fragments[0]!)
    expect(rig.take().length).toBe(1)
  })

  test('a stop gives back what is held', async () => {
    const rig = await start()
    rig.up(fragments[1]!)
    await rig.stop()
    expect(rig.pool.inUse).toBe(0)
  })

  test('no more than 128 are held in all, and 64 of one datagram', async () => {
    const rig = await start()
    const many = cut(ipv4(inside, udpSegment({ sourcePort: 1, destinationPort: 2 }, new Uint8Array(8000))), 80)
    rig.up(...many.slice(1))
    expect(rig.pool.inUse).toBe(64)
    expect(rig.drops.get('fragments-exhausted')).toBe(many.length - 1 - 64)
    for (let id = 0; id < 500; id++) {
      rig.up(...cut(ipv4({ ...inside, id }, udp), 1200).slice(1))
      expect(rig.pool.inUse).toBeLessThanOrEqual(128)
    }
    rig.clock.advance(10_000)
    expect(rig.pool.inUse).toBe(0)
  })

  test('when the first is refused the others are, those that wait included', async () => {
    const rig = await start()
    const answers = cut(ipv4(outside, udpSegment({ sourcePort: 53, destinationPort: 4000 }, data)), 1200)
    rig.down(answers[1]!, answers[0]!, answers[2]!)
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(
      new Map([
        ['fragment-refused', 2],
        ['no-mapping', 1],
      ]),
    )
    expect(rig.pool.inUse).toBe(0)
  })

  test('a flood of first fragments does not stop a datagram that comes in one go', async () => {
    const rig = await start({ fragmentedDatagrams: 16 })
    for (let id = 1000; id < 3000; id++) {
      rig.down(ipv4({ ...outside, id, fragmentOffset: 800, moreFragments: true }, payload(17, payload8(8))))
    }
    expect(rig.pool.inUse).toBeLessThanOrEqual(16)
    rig.up(...fragments)
    const packet = joined(rig.take())
    const answer = ipv4(outside, udpSegment({ sourcePort: 53, destinationPort: packet.sourcePort! }, data))
    rig.down(...cut(answer, 1200).reverse())
    expect(joined(rig.take()).destination).toBe('10.0.0.2')
  })

  test('one sender pushes out none of the others while he has more than his share', async () => {
    const rig = await start({ fragmentedDatagrams: 8 })
    const other = cut(ipv4({ ...inside, source: '10.0.0.3' }, udp), 1200)
    rig.up(other[0]!)
    for (let id = 0; id < 1000; id++) rig.up(cut(ipv4({ ...inside, id }, udp), 1200)[0]!)
    rig.take()
    rig.up(other[1]!, other[2]!)
    expect(rig.take().length).toBe(2)
  })

  test('none at all where none are wanted', async () => {
    const rig = await start({ fragmentedDatagrams: 0 })
    rig.up(...fragments)
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(new Map([['fragment-refused', 3]]))
  })
})

function payload8(length: number): Uint8Array {
  return new Uint8Array(length).fill(8)
}
