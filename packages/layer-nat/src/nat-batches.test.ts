import {
  icmpEcho,
  ipv4,
  ipv6,
  LayerRig,
  payload,
  SeededRandom,
  type Transport,
  tcpSegment,
  udpSegment,
} from '@millrace/core/testing'
import { expect, test } from 'vitest'
import { nat } from './nat.ts'
import { mirror } from './test-support/mirror.ts'

/** More than what is looked up one by one, and more than are prepared for in one batch. */
const FLOWS = 600
const ROUNDS = 12

function transportOf(flow: number, random: SeededRandom): Transport {
  const ports = { sourcePort: 5000 + flow, destinationPort: 53 }
  if (flow % 5 === 0) return icmpEcho({ type: 'request', identifier: flow })
  if (flow % 5 > 2) return udpSegment(ports, 'x')
  return tcpSegment({ ...ports, flags: random.chance(0.3) ? 'SYN' : random.chance(0.1) ? 'RST' : 'ACK' })
}

function packetOf(random: SeededRandom): Uint8Array {
  const flow = random.uint32() % FLOWS
  const source = `10.0.0.${2 + (flow % 50)}`
  const strange = random.uint32() % 40
  if (strange === 0) return ipv6({ source: 'fd00::2', destination: '2001:db8::7' }, transportOf(flow, random))
  // To hosts of the inside by the NAT's own address, and by one that stands for a host.
  const destination = ['203.0.113.7', '203.0.113.9'][strange - 1] ?? `198.51.100.${flow % 7}`
  const ends = { source, destination, moreFragments: strange === 3, identification: flow }
  return ipv4(ends, strange === 4 ? payload(17, 'xx') : transportOf(flow, random))
}

async function run(batch: number): Promise<{ readonly sessions: number; readonly seen: unknown }> {
  const random = new SeededRandom(9)
  const layer = nat({
    address: '203.0.113.7',
    sessions: 500,
    sessionsPerPeer: 500,
    filtering: { udp: 'address-dependent' },
    staticAddresses: [{ inside: '10.0.0.3', outside: '203.0.113.9' }],
  })
  const rig = await LayerRig.start(layer)
  const came: string[][] = []
  for (let round = 0; round < ROUNDS; round++) {
    const packets = Array.from({ length: FLOWS }, () => packetOf(random))
    for (let i = 0; i < packets.length; i += batch) rig.up(...packets.slice(i, i + batch))
    // What the NAT says itself goes behind the batch.
    const out = rig.take().map(({ direction, bytes }) => `${direction} ${Buffer.from(bytes).toString('hex')}`)
    const answers = out.sort().flatMap((line) => {
      const [direction, hex] = line.split(' ') as [string, string]
      return direction === 'up' && hex[0] === '4' && random.chance(0.8) ? [mirror(Buffer.from(hex, 'hex'))] : []
    })
    for (let i = 0; i < answers.length; i += batch) rig.down(...answers.slice(i, i + batch))
    came.push(
      out,
      rig
        .take()
        .map(({ bytes }) => Buffer.from(bytes).toString('hex'))
        .sort(),
    )
    rig.clock.advance(50_000)
  }
  const mappings = [...layer.mappings()].map((mapping) => JSON.stringify(mapping)).sort()
  const seen = { came, drops: Object.fromEntries(rig.drops), mappings, statistics: layer.statistics() }
  return { sessions: mappings.length, seen }
}

test('a batch of packets fares as its packets would one by one', async () => {
  const one = await run(1)
  expect(one.sessions).toBeGreaterThan(300)
  expect(await run(32)).toEqual(one)
  expect(await run(200)).toEqual(one)
})
