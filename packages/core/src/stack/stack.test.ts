import { describe, expect, test } from 'vitest'
import type { DuplexLayer, Layer } from '../contract/index.ts'
import { filter, map, tap } from '../layers/lift.ts'
import type { IpPacket } from '../packet/packet.ts'
import { MemoryHost } from '../testing/memory-host.ts'
import { ipv4, udpSegment } from '../testing/packets.ts'
import { layers } from './chain.ts'
import { stack } from './stack.ts'

const packet = (ttl = 64): Uint8Array =>
  ipv4({ source: '10.0.0.2', destination: '198.51.100.7', ttl }, udpSegment({ sourcePort: 5000, destinationPort: 53 }))

/** Two ends that hold what came out, each packet's TTL in order. */
function twoEnds() {
  const atWire: number[] = []
  const atHost: number[] = []
  const wire = new MemoryHost({ name: 'wire', receive: (bytes) => void atWire.push(bytes[8]!) })
  const host = new MemoryHost({ name: 'host', receive: (bytes) => void atHost.push(bytes[8]!) })
  return { wire, host, atWire, atHost }
}

/** A line that changes the TTL. Two of them do not commute: their order shows in the number. */
const change = (name: string, compute: (ttl: number) => number): Layer<IpPacket> =>
  map(
    (packet) => {
      packet.memory[packet.offset + 8] = compute(packet.hopLimit)
      return packet
    },
    { name },
  )
const double = change('double', (ttl) => ttl * 2)
const addThree = change('addThree', (ttl) => ttl + 3)

describe('the order of lines', () => {
  test('from the wire they are passed as written, from the host the other way round', async () => {
    const { wire, host, atWire, atHost } = twoEnds()
    await using _running = await stack(wire).layer(double).layer(addThree).end(host).start()
    wire.send(packet(10))
    expect(atHost).toEqual([10 * 2 + 3])
    host.send(packet(10))
    expect(atWire).toEqual([(10 + 3) * 2])
  })

  test('by name, with one duplex layer among plain ones', async () => {
    const passed: string[] = []
    const note = (name: string): Layer<IpPacket> => tap((_, direction) => void passed.push(`${name} ${direction}`))
    const duplex: DuplexLayer<IpPacket> = { name: 'both', up: note('both'), down: note('both') }
    const { wire, host } = twoEnds()
    const gateway = stack(wire).layer(note('first')).layer(duplex).layer(note('last')).end(host)
    await using _running = await gateway.start()
    wire.send(packet())
    host.send(packet())
    expect(passed).toEqual(['first up', 'both up', 'last up', 'last down', 'both down', 'first down'])
  })

  test('describe() names the lines from the wire up', () => {
    const { wire, host } = twoEnds()
    const nameless: Layer<IpPacket> = { layer: (inner) => inner }
    const gateway = stack(wire).layer(double).layer(nameless).layer(addThree).end(host)
    expect(gateway.describe()).toEqual(['wire', 'double', 'layer', 'addThree', 'host'])
  })
})

test('a stack and a chain are immutable: a line added to one is not in the other', () => {
  const { wire, host } = twoEnds()
  const bare = stack(wire)
  const chain = layers<IpPacket>().layer(double)
  const longer = chain.layer(addThree)
  bare.layer(chain)
  expect(bare.end(host).describe()).toEqual(['wire', 'host'])
  expect(bare.layer(chain).end(host).describe()).toEqual(['wire', 'double', 'host'])
  expect(bare.layer(longer).end(host).describe()).toEqual(['wire', 'double', 'addThree', 'host'])
})

test('a chain may be used again, in one stack and in several', async () => {
  const chain = layers<IpPacket>().layer(double).layer(addThree)
  const one = twoEnds()
  const two = twoEnds()
  await using _one = await stack(one.wire).layer(chain).layer(chain).end(one.host).start()
  await using _two = await stack(two.wire).layer(chain).end(two.host).start()
  one.wire.send(packet(1))
  two.wire.send(packet(1))
  expect(one.atHost).toEqual([(1 * 2 + 3) * 2 + 3])
  expect(two.atHost).toEqual([1 * 2 + 3])
})

test('a stack inside a stack: a chain with an end is an end', async () => {
  const { wire, host, atWire, atHost } = twoEnds()
  const inside = layers<IpPacket>().layer(addThree).end(host)
  const gateway = stack(wire).layer(double).end(inside)
  expect(gateway.describe()).toEqual(['wire', 'double', 'addThree', 'host'])
  await using running = await gateway.start()
  wire.send(packet(10))
  host.send(packet(10))
  expect([atHost, atWire]).toEqual([[23], [26]])
  expect(running.edges().map(({ from, to }) => `${from} > ${to}`)).toEqual([
    'wire > double',
    'double > addThree',
    'addThree > host',
    'double > wire',
    'addThree > double',
    'host > addThree',
  ])
})

describe('counters', () => {
  const isOdd = (packet: IpPacket): boolean => packet.hopLimit % 2 === 1

  test('every edge counts packets, bytes and batches; a drop is counted where it leads to', async () => {
    const { wire, host } = twoEnds()
    const gateway = stack(wire)
      .layer(filter(isOdd, { name: 'odd', reason: 'even' }))
      .layer(addThree)
      .end(host)
    await using running = await gateway.start()
    const size = packet().length
    wire.send(packet(1), packet(2), packet(3))
    wire.send(packet(5))
    host.send(packet(2), packet(7))
    const none = {}
    expect(running.edges()).toEqual([
      { from: 'wire', to: 'odd', direction: 'up', packets: 4, bytes: 4 * size, batches: 2, drops: { even: 1 } },
      { from: 'odd', to: 'addThree', direction: 'up', packets: 3, bytes: 3 * size, batches: 2, drops: none },
      { from: 'addThree', to: 'host', direction: 'up', packets: 3, bytes: 3 * size, batches: 2, drops: none },
      { from: 'odd', to: 'wire', direction: 'down', packets: 1, bytes: size, batches: 1, drops: none },
      { from: 'addThree', to: 'odd', direction: 'down', packets: 2, bytes: 2 * size, batches: 1, drops: { even: 1 } },
      { from: 'host', to: 'addThree', direction: 'down', packets: 2, bytes: 2 * size, batches: 1, drops: none },
    ])
    expect(running.drops()).toEqual([{ line: 'odd', reason: 'even', packets: 2 }])
  })

  test('a super-packet counts as many as it has segments, passed or dropped', async () => {
    const { wire, host } = twoEnds()
    const makeSuper = tap<IpPacket>((packet) => {
      packet.segmentSize = 10
    })
    const refuse = filter<IpPacket>(() => false)
    await using running = await stack(wire).layer(makeSuper).layer(refuse).end(host).start()
    wire.send(packet())
    expect(packet().length).toBe(28)
    expect(running.edges().slice(0, 3)).toMatchObject([
      { packets: 1, bytes: 28, drops: {} },
      { packets: 3, bytes: 28, drops: { filtered: 3 } },
      { packets: 0, bytes: 0, batches: 0 },
    ])
  })

  test('a layer that drops after it has handed the batch on still counts at its own line', async () => {
    const { wire, host } = twoEnds()
    const afterwards: Layer<IpPacket> = {
      name: 'afterwards',
      layer: (inner) => ({
        serve(batch) {
          inner.serve(batch)
          for (const packet of batch) batch.drop(packet, 'too-late')
        },
      }),
    }
    await using running = await stack(wire).layer(afterwards).layer(double).end(host).start()
    wire.send(packet())
    host.send(packet())
    expect(running.drops()).toEqual([{ line: 'afterwards', reason: 'too-late', packets: 2 }])
  })

  test('what the ends refuse is counted at their own line', async () => {
    const { wire, host } = twoEnds()
    await using running = await stack(wire).layer(double).end(host).start()
    wire.send(Uint8Array.of(1, 2, 3))
    host.send(new Uint8Array())
    expect(running.drops()).toEqual([
      { line: 'wire', reason: 'not-ip', packets: 1 },
      { line: 'host', reason: 'empty-packet', packets: 1 },
    ])
  })
})
