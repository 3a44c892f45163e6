import { decodePacket, ipv4, LayerRig, type TcpFields, tcpSegment } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { nat } from './nat.ts'
import type { NatLayer } from './nat-layer.ts'
import type { NatOptions } from './options.ts'

const segment = (fields: Partial<TcpFields>, data = '', port = 5000): Uint8Array =>
  ipv4(
    { source: '10.0.0.2', destination: '198.51.100.7', tos: 0x10 },
    tcpSegment({ sourcePort: port, destinationPort: 443, sequence: 1000, acknowledgment: 7000, ...fields }, data),
  )
async function rigWith(options: Partial<NatOptions> = {}): Promise<{ layer: NatLayer; rig: LayerRig }> {
  const layer = nat({ address: '203.0.113.7', ...options })
  return { layer, rig: await LayerRig.start(layer) }
}

describe('unknown TCP from the inside', () => {
  // RFC 9293 §3.10.7.1, sequence and acknowledgment counted by hand.
  test.each<[string, Uint8Array, object]>([
    ['data', segment({}, 'twelve bytes'), { flags: 'RST', sequence: 7000, acknowledgment: 0 }],
    ['FIN ACK', segment({ flags: 'FIN ACK' }), { flags: 'RST', sequence: 7000, acknowledgment: 0 }],
    ['SYN ACK', segment({ flags: 'SYN ACK', mss: 1460 }), { flags: 'RST', sequence: 7000, acknowledgment: 0 }],
    [
      'data without ACK',
      segment({ flags: 'PSH', mss: 1460 }, 'twelve bytes'),
      { flags: 'RST ACK', sequence: 0, acknowledgment: 1012 },
    ],
    [
      'SYN and FIN, which count',
      segment({ flags: 'SYN FIN' }, 'x'),
      { flags: 'RST ACK', sequence: 0, acknowledgment: 1003 },
    ],
    [
      'sequence numbers that wrap',
      segment({ flags: 'FIN', sequence: 0xffff_fffe }, 'abc'),
      { flags: 'RST ACK', sequence: 0, acknowledgment: 2 },
    ],
  ])('%s is reset as its receiver would', async (_name, bytes, expected) => {
    const { layer, rig } = await rigWith()
    rig.up(bytes)
    const output = rig.take()
    expect(output.map(({ direction }) => direction)).toEqual(['down'])
    const reset = decodePacket(output[0]!.bytes)
    expect(reset).toMatchObject({ source: '198.51.100.7', destination: '10.0.0.2', sourcePort: 443, ttl: 64 })
    const view = new DataView(output[0]!.bytes.buffer)
    const [sequence, acknowledgment] = [view.getUint32(24), view.getUint32(28)]
    expect({ ...reset, sequence, acknowledgment }).toMatchObject({ destinationPort: 5000, ...expected })
    expect(output[0]!.bytes.length).toBe(40)
    expect(rig.drops).toEqual(new Map([['tcp-no-session', 1]]))
    expect(layer.statistics()?.resets).toEqual({ sent: 1, limited: 0, unsent: 0 })
    expect(rig.pool.inUse).toBe(0)
  })

  test.each<[string, Uint8Array, Partial<NatOptions>]>([
    ['a reset', segment({ flags: 'RST' }), {}],
    ['a reset with ACK', segment({ flags: 'RST ACK' }), {}],
    ['anything, if it is to be dropped', segment({}), { unknownTcp: 'drop' }],
  ])('%s is not answered', async (_name, bytes, options) => {
    const { rig } = await rigWith(options)
    rig.up(bytes)
    expect(rig.take()).toEqual([])
    expect(rig.drops).toEqual(new Map([['tcp-no-session', 1]]))
  })

  test('nothing from the outside is', async () => {
    const { rig } = await rigWith()
    rig.down(
      ipv4(
        { source: '198.51.100.7', destination: '203.0.113.7' },
        tcpSegment({ sourcePort: 1, destinationPort: 4000 }),
      ),
    )
    expect(rig.take()).toEqual([])
  })

  test('a flood gets no more than the share of its sender, and holds up neither others nor ICMP errors', async () => {
    const { layer, rig } = await rigWith()
    const flood = (): void => {
      for (let port = 1; port <= 1000; port += 100) {
        rig.up(...Array.from({ length: 100 }, (_, i) => segment({}, '', port + i)))
      }
    }
    flood()
    expect(rig.take().length).toBe(25)
    expect(layer.statistics()?.resets).toEqual({ sent: 25, limited: 975, unsent: 0 })
    const peer = { name: 'laptop' }
    rig.up(...Array.from({ length: 25 }, (_, i) => ({ bytes: segment({}, '', i + 1), peer })))
    expect(rig.take().length).toBe(25)
    rig.clock.advance(100)
    flood()
    expect(rig.take().length).toBe(10)
    expect(rig.drops).toEqual(new Map([['tcp-no-session', 2025]]))
    rig.up(
      ipv4(
        { source: '10.0.0.2', destination: '198.51.100.7', ttl: 1 },
        tcpSegment({ sourcePort: 1, destinationPort: 2 }),
      ),
    )
    expect(decodePacket(rig.take()[0]!.bytes)).toMatchObject({ type: 11 })
    expect(rig.pool.inUse).toBe(0)
  })

  test('the reset goes to who sent the segment, and without memory there is none', async () => {
    const { layer, rig } = await rigWith()
    const held = Array.from({ length: rig.pool.capacity - 1 }, () => rig.pool.acquire(100) ?? rig.pool.acquire(60_000))
    rig.up(segment({}))
    expect(rig.take()).toEqual([])
    expect(layer.statistics()?.resets).toEqual({ sent: 0, limited: 0, unsent: 1 })
    for (const packet of held) packet?.release()
  })
})
