import { bind, CLOCK, type PoolOptions, RANDOM, type RunningStack, runtimeWith, stack } from '@millrace/core'
import { decodePacket, SeededRandom, VirtualClock } from '@millrace/core/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { allowedIps } from './allowed-ips/allowed-ips.ts'
import { generatePrivateKey, publicKeyOf } from './keys.ts'
import {
  datagram,
  HEADERS,
  type Piece,
  SIZE,
  SuperHost,
  stream,
  superPacket,
  TrainWire,
} from './test-support/super-ends.ts'
import { wireguard } from './wireguard.ts'

class Pair {
  readonly clock: VirtualClock = new VirtualClock()
  readonly hosts = [new SuperHost(), new SuperHost()] as const
  readonly wires = [new TrainWire('192.0.2.1:1'), new TrainWire('192.0.2.2:1')] as const
  readonly running: RunningStack[] = []

  static async start(pool: PoolOptions = {}): Promise<Pair> {
    const pair = new Pair()
    const keys = [generatePrivateKey(), generatePrivateKey()] as const
    for (const [i, other] of [
      [0, 1],
      [1, 0],
    ] as const) {
      pair.wires[i].other = pair.wires[other]
      const peer = {
        publicKey: publicKeyOf(keys[other]),
        endpoint: `192.0.2.${other + 1}:1`,
        allowedIps: [`10.0.0.${other + 1}/32`],
      }
      const runtime = runtimeWith(bind(CLOCK, pair.clock), bind(RANDOM, new SeededRandom(i + 1)))
      const running = await stack(pair.wires[i], { runtime, pool: i === 0 ? pool : {} })
        .layer(wireguard({ privateKey: keys[i], peers: [peer] }))
        .layer(allowedIps())
        .end(pair.hosts[i])
        .start()
      pair.running.push(running)
    }
    return pair
  }

  /** With a session, and nothing under way. */
  static async established(pool: PoolOptions = {}): Promise<Pair> {
    const pair = await Pair.start(pool)
    pair.hosts[0].send({ bytes: datagram('first') })
    pair.clock.advance(100)
    pair.hosts[1].received.length = 0
    pair.wires[0].sent.length = 0
    return pair
  }

  drops(i: number): Record<string, number> {
    const all: Record<string, number> = {}
    for (const { reason, packets } of this.running[i]?.drops() ?? []) all[reason] = packets
    for (const edge of this.running[i]?.edges() ?? []) Object.assign(all, edge.drops)
    return all
  }

  async stop(): Promise<void> {
    for (const running of this.running) {
      await running.stop()
      expect(running.pool.inUse).toBe(0)
    }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const counterOf = (bytes: Uint8Array, at: number): bigint => Buffer.from(bytes).readBigUInt64LE(at + 8)

let pair: Pair
afterEach(() => pair.stop())

describe('a super-packet', () => {
  test('asks both ends for what they offer', async () => {
    pair = await Pair.start()
    expect([pair.hosts[0].offer.enabled, pair.wires[0].enabled]).toEqual([1, 1])
  })

  test('leaves as one train and arrives as one super-packet', async () => {
    pair = await Pair.established()
    const { data, segments } = stream(20 * SIZE + 77)
    pair.hosts[0].send(superPacket(segments))
    pair.clock.advance(1)
    expect(pair.wires[0].sent.map(({ segments, segmentSize }) => [segments, segmentSize])).toEqual([[21, 1420 + 32]])
    const [arrived, ...others] = pair.hosts[1].received
    expect(others).toEqual([])
    expect(arrived).toMatchObject({ segmentSize: SIZE, segments: 21 })
    expect(hex((arrived as Piece).bytes.subarray(HEADERS))).toBe(hex(data))
    expect(hex((arrived as Piece).bytes.subarray(0, 36))).toBe(hex(superPacket(segments).bytes.subarray(0, 36)))
  })

  test('is cut into the very packets it stands for', async () => {
    pair = await Pair.established()
    pair.hosts[1].offer.tcp = false
    pair.hosts[1].offer.udp = false
    const { segments } = stream(46 * SIZE + 1)
    pair.hosts[0].send(superPacket(segments))
    pair.clock.advance(1)
    expect(pair.hosts[1].received.map(({ bytes }) => hex(bytes))).toEqual(segments.map(hex))
    expect(pair.hosts[1].received.every(({ bytes }) => decodePacket(bytes) !== undefined)).toBe(true)
  })

  test('takes a counter for each segment, in order, also where one send does not hold them all', async () => {
    pair = await Pair.established()
    const { segments } = stream(600 * 100, { size: 100 })
    pair.hosts[0].send(superPacket(segments, 100), { bytes: datagram('after') })
    pair.clock.advance(1)
    const counters = pair.wires[0].sent.flatMap(({ bytes, segmentSize, segments }) =>
      Array.from({ length: segments }, (_, i) => counterOf(bytes, i * segmentSize)),
    )
    const first = counters[0] as bigint
    expect(counters).toEqual(Array.from({ length: 601 }, (_, i) => first + BigInt(i)))
    expect(pair.wires[0].sent.every(({ segments, bytes }) => segments <= 64 && bytes.length <= 65_487)).toBe(true)
  })

  test('waits for a session as its segments', async () => {
    pair = await Pair.start()
    const { data, segments } = stream(5 * SIZE)
    pair.hosts[0].send(superPacket(segments), { bytes: datagram('after') })
    expect(pair.wires[0].sent.length).toBe(1)
    pair.clock.advance(100)
    const payloads = pair.hosts[1].received.map(({ bytes }) => bytes.subarray(HEADERS))
    expect(hex(Buffer.concat(payloads.slice(0, -1)))).toBe(hex(data))
    expect(Buffer.from(pair.hosts[1].received.at(-1)?.bytes.subarray(28) ?? []).toString()).toBe('after')
  })

  test('that claims what it is not is dropped by name', async () => {
    pair = await Pair.established()
    pair.hosts[0].send({ bytes: datagram('x'.repeat(100)), segmentSize: 10 })
    expect(pair.drops(0)).toMatchObject({ 'super-packet-malformed': expect.any(Number) })
    expect(pair.wires[0].sent).toEqual([])
  })

  test('is dropped where there is no memory left for it', async () => {
    pair = await Pair.established({ jumboSlots: 1 })
    const { segments } = stream(20 * SIZE)
    pair.hosts[0].send(superPacket(segments))
    expect(pair.drops(0)).toEqual({ 'pool-empty': 20 })
  })
})

describe('a train', () => {
  test('of two flows becomes one super-packet of each', async () => {
    pair = await Pair.established()
    const [one, two] = [stream(6 * SIZE), stream(6 * SIZE, { sourcePort: 6000 })]
    pair.hosts[0].send(
      ...one.segments.flatMap((segment, i) => [{ bytes: segment }, { bytes: two.segments[i] as Uint8Array }]),
    )
    pair.clock.advance(1)
    expect(pair.hosts[1].received.map(({ segments }) => segments)).toEqual([6, 6])
    expect(pair.hosts[1].received.map(({ bytes }) => hex(bytes.subarray(HEADERS)))).toEqual([
      hex(one.data),
      hex(two.data),
    ])
  })

  test('with a forged datagram in it loses that one, and joins what is in sequence', async () => {
    pair = await Pair.established()
    const { data, segments } = stream(10 * SIZE)
    pair.wires[0].pass = (piece) => {
      const bytes = piece.bytes.slice()
      bytes[4 * piece.segmentSize + 100] = (bytes[4 * piece.segmentSize + 100] as number) ^ 1
      return [{ ...piece, bytes }]
    }
    pair.hosts[0].send(superPacket(segments))
    pair.clock.advance(1)
    expect(pair.hosts[1].received.map(({ segments }) => segments)).toEqual([4, 5])
    const payloads = pair.hosts[1].received.map(({ bytes }) => bytes.subarray(HEADERS))
    expect(hex(payloads[0] as Uint8Array)).toBe(hex(data.subarray(0, 4 * SIZE)))
    expect(hex(payloads[1] as Uint8Array)).toBe(hex(data.subarray(5 * SIZE)))
    expect(pair.drops(1)).toEqual({ 'not-authentic': 1 })
  })

  test('that comes twice is taken once', async () => {
    pair = await Pair.established()
    const { segments } = stream(10 * SIZE)
    pair.wires[0].pass = (piece) => [piece, piece]
    pair.hosts[0].send(superPacket(segments))
    pair.clock.advance(1)
    expect(pair.hosts[1].received.map(({ segments }) => segments)).toEqual([10])
    expect(pair.drops(1)).toEqual({ replayed: 10 })
  })

  test('whose segments were corrupted before they entered the tunnel is not joined: the host is to see it', async () => {
    pair = await Pair.established()
    const { segments } = stream(3 * SIZE)
    const wrong = (segments[1] as Uint8Array).slice()
    wrong[700] = (wrong[700] as number) ^ 1
    pair.hosts[0].send(...[segments[0] as Uint8Array, wrong, segments[2] as Uint8Array].map((bytes) => ({ bytes })))
    pair.clock.advance(1)
    expect(pair.hosts[1].received.map(({ bytes }) => hex(bytes))).toEqual(
      [segments[0] as Uint8Array, wrong, segments[2] as Uint8Array].map(hex),
    )
  })

  test('of handshake messages is several handshake messages', async () => {
    pair = await Pair.start()
    pair.wires[0].pass = ({ bytes }) => {
      pair.wires[0].pass = (piece) => [piece]
      return [{ bytes: Buffer.concat([bytes, bytes, bytes]), segmentSize: bytes.length, segments: 3 }]
    }
    pair.hosts[0].send({ bytes: datagram('first') })
    pair.clock.advance(0)
    expect(pair.drops(1)).toEqual({ 'initiation-replayed': 2 })
    expect(pair.hosts[1].received.length).toBe(1)
  })
})

describe('whatever a network does to trains', () => {
  test('nothing is made up, nothing throws, nothing stays behind', async () => {
    pair = await Pair.established()
    const { data, segments } = stream(12 * SIZE + 5)
    const mutation = fc.oneof(
      fc.record({ at: fc.nat(20_000), byte: fc.integer({ min: 1, max: 255 }) }),
      fc.record({ segmentSize: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ keep: fc.nat(20_000) }),
    )
    fc.assert(
      fc.property(fc.array(mutation, { maxLength: 4 }), (mutations) => {
        pair.hosts[1].received.length = 0
        pair.wires[0].pass = (piece) => [mutations.reduce(mutated, piece)]
        pair.hosts[0].send(superPacket(segments))
        pair.clock.advance(1)
        for (const { bytes, segmentSize } of pair.hosts[1].received) {
          const at = Buffer.from(bytes).readUInt32BE(24) - 1000
          const payload = bytes.subarray(HEADERS)
          expect(at % SIZE).toBe(0)
          expect(segmentSize === 0 || segmentSize === SIZE).toBe(true)
          expect(hex(payload)).toBe(hex(data.subarray(at, at + payload.length)))
        }
        expect(pair.drops(1)).not.toHaveProperty('layer-threw')
      }),
    )
  })
})

type Mutation =
  | { readonly at: number; readonly byte: number }
  | { readonly segmentSize: number }
  | { readonly keep: number }

function mutated(piece: Piece, mutation: Mutation): Piece {
  if ('segmentSize' in mutation) return { ...piece, segmentSize: mutation.segmentSize }
  if ('keep' in mutation) return { ...piece, bytes: piece.bytes.subarray(0, mutation.keep) }
  const bytes = piece.bytes.slice()
  const { at, byte } = mutation
  if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ byte
  return { ...piece, bytes }
}
