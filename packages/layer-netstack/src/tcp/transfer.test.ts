import { SeededRandom } from '@millrace/core/testing'
import { describe, expect, test } from 'vitest'
import { TwoHosts } from '../test-support/two-hosts.ts'

/** Connections to simulate; each by its seed. */
const CONNECTIONS = Number(process.env['MILLRACE_TCP_CONNECTIONS'] ?? 100)
const FIRST_SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const BATCH = 25

/** Conditions, sizes and bounds, all by the seed. */
function hostsFor(seed: number): TwoHosts {
  const random = new SeededRandom(seed)
  const pick = <T>(...values: readonly T[]): T => values[random.uint32() % values.length] as T
  const size = (): number => pick(0, 1, random.uint32() % 1000, random.uint32() % 60_000, random.uint32() % 300_000)
  const host = (): object => ({
    sendBuffer: pick(4096, 30_000, 2 ** 20),
    receiveBuffer: pick(4096, 30_000, 2 ** 20),
    superPackets: random.chance(0.8),
    mtu: pick(576, 1420, 9000),
  })
  return new TwoHosts({
    seed,
    up: size(),
    down: size(),
    family: pick(4, 6),
    delay: pick(0.1, 5, 50, 200),
    jitter: pick(0, 1, 30),
    loss: pick(0, 0.001, 0.01, 0.05),
    reordering: pick(0, 0, 0.01, 0.1),
    duplication: pick(0, 0, 0.01, 0.1),
    corruption: pick(0, 0, 0.01),
    client: host(),
    server: host(),
  })
}

describe(`${CONNECTIONS} connections over a network that delays, loses, reorders, doubles and spoils`, () => {
  const batches = Array.from({ length: Math.ceil(CONNECTIONS / BATCH) }, (_, i) => FIRST_SEED + i * BATCH)
  test.each(batches)('every byte arrives, once, in order: seeds from %i', (first) => {
    for (let seed = first; seed < Math.min(first + BATCH, FIRST_SEED + CONNECTIONS); seed++) {
      const hosts = hostsFor(seed)
      hosts.connect()
      hosts.run(1_000_000)
      const result = (end: typeof hosts.caller): object => ({
        wrongAt: end.wrongAt,
        read: end.read,
        written: end.written,
        ended: end.ended,
        cause: end.cause,
      })
      const { caller, called } = hosts
      const good = { wrongAt: -1, ended: true, cause: 'finished' }
      expect([seed, result(caller)]).toEqual([seed, { ...good, read: called.size, written: caller.size }])
      expect([seed, result(called)]).toEqual([seed, { ...good, read: caller.size, written: called.size }])
      hosts.clock.advance(400_000)
      for (const host of [hosts.client, hosts.server]) {
        expect([seed, host.leaked, host.tcp.statistics.memory, host.tcp.statistics.connections]).toEqual([
          seed,
          0,
          0,
          0,
        ])
        expect([seed, host.tcp.deadline]).toEqual([seed, Number.POSITIVE_INFINITY])
      }
    }
  })
})

/** Bytes a millisecond of a long transfer one way. */
function goodput(options: Partial<ConstructorParameters<typeof TwoHosts>[0]>, size = 2_000_000): number {
  const hosts = new TwoHosts({ up: 0, down: size, ...options })
  hosts.connect()
  const time = hosts.run(600_000)
  expect([hosts.caller.isDone, hosts.caller.wrongAt]).toEqual([true, -1])
  return size / time
}

describe('goodput', () => {
  // What a sender can reach in a round trip at a loss of p, in segments: Reno's 1.22 / sqrt(p) (RFC 5681's response
  // function, Mathis et al. 1997). CUBIC promises at least that (RFC 9438 §4.3).
  test.each([
    [20, 0.001],
    [20, 0.01],
    [20, 0.05],
    [100, 0.01],
  ])('with %i ms each way and a loss of %d is that of Reno at least', (delay, loss) => {
    const rates = [1, 2, 3, 4].map((seed) => goodput({ delay, loss, seed }, loss > 0.02 ? 600_000 : 1_500_000))
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
    // In 20 ms each way a window of 1 MiB is more than can be filled in the time; slow start counts for short ones.
    const reno = Math.min((1368 * 1.22) / Math.sqrt(loss) / (2 * delay), 8000)
    expect(mean / reno).toBeGreaterThan(0.7)
  })

  test('of a link with a queue is most of what the link carries', () => {
    // 10 Mbit/s, 40 ms, a queue of 50 ms.
    expect(goodput({ delay: 20, rate: 1250, queue: 50 }, 5_000_000)).toBeGreaterThan(1250 * 0.85)
  })

  test('does not suffer from reordering or duplication alone', () => {
    const calm = goodput({ delay: 30 })
    expect(goodput({ delay: 30, duplication: 0.05 })).toBeGreaterThan(calm * 0.7)
    expect(goodput({ delay: 30, jitter: 10 })).toBeGreaterThan(calm * 0.5)
    expect(goodput({ delay: 30, reordering: 0.01 })).toBeGreaterThan(calm * 0.3)
  })

  test('is the window a round trip, where nothing else is in the way', () => {
    const rate = goodput({ delay: 100, client: { receiveBuffer: 65_536 } }, 3_000_000)
    expect(rate).toBeGreaterThan((65_536 / 200) * 0.85)
    expect(rate).toBeLessThan((65_536 / 200) * 1.05)
  })
})

describe('a slow reader', () => {
  test('stops the other end; nothing is lost or sent twice; memory is bounded; it goes on where it was', () => {
    const bounds = { sendBuffer: 50_000, receiveBuffer: 100_000 }
    const hosts = new TwoHosts({ up: 5_000_000, down: 0, delay: 10, client: bounds, server: bounds })
    hosts.called.paused = true
    hosts.connect()
    hosts.run(60_000)
    expect(hosts.caller.written).toBeLessThanOrEqual(150_000)
    expect(hosts.caller.written).toBeGreaterThan(140_000)
    expect(hosts.server.tcp.statistics.memory).toBeLessThanOrEqual(8 * 16_384)
    const carried = hosts.up.bytes
    expect(carried).toBeLessThan(120_000)
    hosts.called.paused = false
    hosts.called.drain()
    hosts.server.pump()
    hosts.run(60_000)
    expect([hosts.called.isDone, hosts.called.wrongAt, hosts.called.read]).toEqual([true, -1, 5_000_000])
    expect(hosts.up.bytes).toBeLessThan(5_000_000 * 1.05)
  })

  test('that reads a little at a time gets everything', () => {
    const hosts = new TwoHosts({ up: 300_000, down: 0, delay: 5, server: { receiveBuffer: 8192 } })
    hosts.connect()
    hosts.run(120_000)
    expect([hosts.called.isDone, hosts.called.wrongAt]).toEqual([true, -1])
  })
})

describe('a suspended other end', () => {
  test('a minute of silence in the middle of a download: it resumes', () => {
    const hosts = new TwoHosts({ up: 0, down: 4_000_000, delay: 20, rate: 2000 })
    hosts.connect()
    hosts.run(500)
    expect(hosts.caller.read).toBeGreaterThan(100_000)
    for (const link of [hosts.up, hosts.down]) link.inspect = () => false
    hosts.run(60_000)
    for (const link of [hosts.up, hosts.down]) link.inspect = undefined
    hosts.run(120_000)
    expect([hosts.caller.isDone, hosts.caller.wrongAt]).toEqual([true, -1])
  })
})
