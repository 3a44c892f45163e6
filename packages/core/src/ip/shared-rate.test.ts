import { expect, test } from 'vitest'
import type { IpPacket, Peer } from '../packet/packet.ts'
import { PacketPool } from '../packet/pool.ts'
import { ipv4, ipv6, pooledPacket, udpSegment } from '../testing/index.ts'
import { foldAddress6, SharedRate } from './shared-rate.ts'

const pool = new PacketPool({ slots: 2048 })
const udp = udpSegment({ sourcePort: 1, destinationPort: 2 })
function from(source: string, peer?: Peer): IpPacket {
  const bytes = source.includes(':')
    ? ipv6({ source, destination: '2001:db8::7' }, udp)
    : ipv4({ source, destination: '198.51.100.7' }, udp)
  return pooledPacket(pool, bytes, { direction: 'up', ...(peer && { peer }) })
}
function taken(rate: SharedRate, packet: IpPacket, now: number, tries = 1000): number {
  let count = 0
  for (let i = 0; i < tries; i++) if (rate.take(packet, now)) count++
  return count
}

test('a peer that floods has its share, and the others have theirs', () => {
  const rate = new SharedRate()
  const [flooder, ...others] = Array.from({ length: 10 }, (_, i) => from('10.0.0.2', { name: `${i}` }))
  expect(taken(rate, flooder!, 0, 100_000)).toBe(25)
  for (const other of others) expect(taken(rate, other, 0)).toBe(25)
  let flooded = 0
  for (let now = 10; now <= 10_000; now += 10) {
    flooded += taken(rate, flooder!, now, 20)
    if (now % 1000 === 0) for (const other of others) expect(taken(rate, other, now, 25)).toBe(25)
  }
  expect(flooded).toBe(1000)
})

test('a sender has the same share with and without a packet', () => {
  const words = (hex: string): [number, number] => [Number(`0x${hex.slice(0, 8)}`), Number(`0x${hex.slice(8)}`)]
  const peer = { name: 'alice' }
  const rate = new SharedRate()
  for (const [packet, known, address] of [
    [from('10.0.0.2'), undefined, 0x0a00_0002],
    [from('240.1.2.3'), undefined, 0xf001_0203],
    [from('2001:db8:0:f::9'), undefined, foldAddress6(...words('20010db80000000f'))],
    [from('10.0.0.3', peer), peer, 7],
  ] as const) {
    expect(taken(rate, packet, 0)).toBe(25)
    expect(rate.takeFor(known, address, 0)).toBe(false)
    expect(rate.takeFor(known, address, 10)).toBe(true)
    expect(rate.take(packet, 10)).toBe(false)
  }
})

test('all together keep to the whole', () => {
  const rate = new SharedRate({ perSecond: 400, perSecondPerPeer: 100 })
  const peers = Array.from({ length: 8 }, (_, i) => from('10.0.0.2', { name: `${i}` }))
  expect(peers.map((peer) => taken(rate, peer, 0))).toEqual([25, 25, 25, 25, 0, 0, 0, 0])
})

test('a share is a quarter of a second at once, at least one, and never more than the whole', () => {
  expect(taken(new SharedRate({ perSecond: 40 }), from('10.0.0.2'), 0)).toBe(10)
  expect(taken(new SharedRate({ perSecond: 1 }), from('10.0.0.2'), 0)).toBe(1)
})

test('a peer is one, whatever its addresses; without peers an address is one', () => {
  const rate = new SharedRate()
  const laptop = { name: 'laptop' }
  expect(taken(rate, from('10.0.0.2', laptop), 0)).toBe(25)
  expect(taken(rate, from('10.0.0.3', laptop), 0)).toBe(0)
  expect(taken(rate, from('10.0.0.2'), 0)).toBe(25)
  expect(taken(rate, from('10.0.0.3'), 0)).toBe(25)
  expect(taken(rate, from('fd00:0:0:1::2'), 0)).toBe(25)
  expect(taken(rate, from('fd00:0:0:1:9::3'), 0)).toBe(0)
  expect(taken(rate, from('fd00:0:0:2::2'), 0)).toBe(25)
})

test('a flood from one address hardly ever takes the share of a neighbour', () => {
  const networks = [(i: number) => `10.0.0.${i}`, (i: number) => `10.${i}.0.1`, (i: number) => `fd00:1:2:${i}::2`]
  for (const address of networks) {
    const robbed = Array.from({ length: 250 }, (_, i) => {
      const rate = new SharedRate()
      taken(rate, from(address(1)), 0, 30)
      return rate.take(from(address(i + 2)), 0)
    }).filter((isLeft) => !isLeft)
    expect(robbed.length).toBeLessThan(5)
  }
})
