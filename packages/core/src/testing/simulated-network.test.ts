import { describe, expect, test } from 'vitest'
import type { Endpoint, Service } from '../contract/index.ts'
import { parseSocketAddress } from '../ip/address.ts'
import { Burst } from '../packet/burst.ts'
import { asDatagram } from '../packet/kind.ts'
import type { Datagram } from '../packet/packet.ts'
import { bind, CLOCK, runtimeWith } from '../runtime/runtime.ts'
import type { RunningStack } from '../stack/running-stack.ts'
import { stack } from '../stack/stack.ts'
import { SimulatedNetwork, type SimulatedNetworkOptions } from './simulated-network.ts'
import type { SimulatedUdp } from './simulated-udp.ts'
import { VirtualClock } from './virtual-clock.ts'

interface Arrival {
  readonly number: number
  readonly at: number
  readonly from: string
  readonly intact: boolean
}

const SIZE = 64
/** A datagram that tells its number, and whether any bit of it was changed. */
function numbered(number: number): Uint8Array {
  const bytes = new Uint8Array(SIZE)
  for (let at = 0; at < SIZE; at += 4) new DataView(bytes.buffer).setUint32(at, number)
  return bytes
}

/** The host side of a datagram stack: sends numbered datagrams, writes down what arrives. */
class Speaker implements Endpoint<Datagram> {
  readonly name = 'speaker'
  readonly arrivals: Arrival[] = []
  running: RunningStack | undefined
  #down: Service<Datagram> | undefined
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  connect(stack: Service<Datagram>): Service<Datagram> {
    this.#down = stack
    return {
      serve: (batch) => {
        for (const packet of batch) {
          const words = Array.from({ length: SIZE / 4 }, (_, i) => packet.view.getUint32(packet.offset + i * 4))
          const sorted = words.toSorted((a, b) => a - b)
          const number = sorted[SIZE / 8] as number
          const intact = packet.length === SIZE && words.every((word) => word === number)
          this.arrivals.push({ number, at: this.#clock.now(), from: packet.remote.toString(), intact })
        }
      },
    }
  }

  send(to: string, bytes: Uint8Array, segmentSize = 0): void {
    const burst = new Burst<Datagram>(this.running!.pool)
    const packet = burst.acquire(bytes.length)!
    packet.memory.set(bytes, packet.offset)
    packet.length = bytes.length
    packet.segmentSize = segmentSize
    packet.remote = parseSocketAddress(to)
    burst.push(asDatagram(packet))
    burst.serve(this.#down!)
  }
}

const A = '192.0.2.1:1'
const B = '192.0.2.2:2'

async function twoEnds(options: SimulatedNetworkOptions) {
  const clock = new VirtualClock()
  const network = new SimulatedNetwork(options)
  const runtime = runtimeWith(bind(CLOCK, clock))
  const start = async (address: string): Promise<[Speaker, SimulatedUdp]> => {
    const speaker = new Speaker(clock)
    const wire = network.udp(address)
    speaker.running = await stack(wire, { runtime, pool: { slots: 16, jumboSlots: 1 } })
      .end(speaker)
      .start()
    return [speaker, wire]
  }
  const [a, wireA] = await start(A)
  const [b, wireB] = await start(B)
  return { clock, network, a, b, wireA, wireB }
}

/** Sends `count` datagrams, one a millisecond, and waits for the last. */
async function send(count: number, options: SimulatedNetworkOptions): Promise<Arrival[]> {
  const { clock, a, b } = await twoEnds(options)
  for (let number = 0; number < count; number++) {
    a.send(B, numbered(number))
    clock.advance(1)
  }
  clock.advance(10_000)
  expect(b.running?.pool.inUse).toBe(0)
  return b.arrivals
}

const COUNT = 20_000
/** Five sigma of a binomial: with a fixed seed the result is fixed, and a right network passes for nearly every seed. */
const expectRate = (seen: number, rate: number): void => {
  expect(Math.abs(seen - COUNT * rate)).toBeLessThan(5 * Math.sqrt(COUNT * rate * (1 - rate)))
}

describe('a perfect network', () => {
  test('delivers every datagram once, intact, in order, after the delay, from its sender', async () => {
    const arrivals = await send(100, { delay: 25 })
    expect(arrivals).toEqual(
      Array.from({ length: 100 }, (_, number) => ({ number, at: number + 25, from: A, intact: true })),
    )
  })

  test('a super-packet arrives as the datagrams it stands for', async () => {
    const { clock, a, b } = await twoEnds({})
    a.send(B, Uint8Array.from([...numbered(1), ...numbered(2), ...numbered(3)]), SIZE)
    clock.advance(0)
    expect(b.arrivals.map(({ number, intact }) => [number, intact])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ])
  })

  test('an empty datagram arrives', async () => {
    const { clock, network, a, b } = await twoEnds({ corruption: 1 })
    const seen: number[] = []
    network.eavesdrop = ({ bytes }) => void seen.push(bytes.length)
    a.send(B, new Uint8Array())
    clock.advance(0)
    expect([seen, b.arrivals.length]).toEqual([[0], 1])
  })

  test('what goes to nobody, or arrives after the stop, is lost', async () => {
    const { clock, a, b } = await twoEnds({ delay: 10 })
    a.send('192.0.2.99:1', numbered(1))
    a.send(B, numbered(2))
    await b.running?.stop()
    clock.advance(10)
    expect(b.arrivals).toEqual([])
  })
})

describe('a bad network, within five sigma', () => {
  test('loses', async () => {
    const arrivals = await send(COUNT, { loss: 0.05 })
    expectRate(COUNT - arrivals.length, 0.05)
    expect(new Set(arrivals.map(({ number }) => number)).size).toBe(arrivals.length)
  })

  test('duplicates', async () => {
    const arrivals = await send(COUNT, { duplication: 0.02 })
    expectRate(arrivals.length - COUNT, 0.02)
    expect(new Set(arrivals.map(({ number }) => number)).size).toBe(COUNT)
  })

  test('corrupts', async () => {
    const arrivals = await send(COUNT, { corruption: 0.03 })
    expect(arrivals).toHaveLength(COUNT)
    expectRate(arrivals.filter(({ intact }) => !intact).length, 0.03)
    expect(arrivals.map(({ number }) => number)).toEqual([...Array(COUNT).keys()])
  })

  test('reorders: a datagram held back comes behind those sent after it', async () => {
    const arrivals = await send(COUNT, { delay: 10, reordering: 0.04 })
    const late = arrivals.filter(({ at, number }) => at === number + 20)
    expectRate(late.length, 0.04)
    expect(arrivals.filter(({ at, number }) => at === number + 10)).toHaveLength(COUNT - late.length)
  })

  test('jitters evenly between the delay and delay + jitter', async () => {
    const arrivals = await send(COUNT, { delay: 100, jitter: 50 })
    const delays = arrivals.map(({ at, number }) => at - number)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100)
    expect(Math.max(...delays)).toBeLessThan(150)
    expectRate(delays.filter((delay) => delay < 110).length, 0.2)
    expect(arrivals.some(({ number }, i) => i > 0 && number < arrivals[i - 1]!.number)).toBe(true)
  })
})

test('the same seed repeats everything exactly, another does not', async () => {
  const bad = { delay: 10, jitter: 5, loss: 0.1, duplication: 0.1, corruption: 0.1, reordering: 0.1 }
  const first = await send(2000, { ...bad, seed: 7 })
  expect(await send(2000, { ...bad, seed: 7 })).toEqual(first)
  expect(await send(2000, { ...bad, seed: 8 })).not.toEqual(first)
})

test('no more than its capacity is under way', async () => {
  const { clock, a, b } = await twoEnds({ delay: 100, capacity: 10 })
  for (let number = 0; number < 50; number++) a.send(B, numbered(number))
  clock.advance(100)
  expect(b.arrivals.map(({ number }) => number)).toEqual([...Array(10).keys()])
  a.send(B, numbered(99))
  clock.advance(100)
  expect(b.arrivals.at(-1)?.number).toBe(99)
})

test('an end that moves sends from its new address; what is under way to the old one is lost', async () => {
  const { clock, a, b, wireA } = await twoEnds({ delay: 10 })
  b.send(A, numbered(1))
  clock.advance(5)
  wireA.move('192.0.2.7:7')
  clock.advance(5)
  expect(a.arrivals).toEqual([])
  a.send(B, numbered(2))
  clock.advance(10)
  expect(b.arrivals).toMatchObject([{ number: 2, from: '192.0.2.7:7' }])
  b.send('192.0.2.7:7', numbered(3))
  clock.advance(10)
  expect(a.arrivals).toMatchObject([{ number: 3 }])
  expect(wireA.address.toString()).toBe('192.0.2.7:7')
})

test('conditions may change while it runs', async () => {
  const { clock, network, a, b } = await twoEnds({ loss: 1 })
  a.send(B, numbered(1))
  clock.advance(0)
  network.conditions = { ...network.conditions, loss: 0 }
  a.send(B, numbered(2))
  clock.advance(0)
  expect(b.arrivals.map(({ number }) => number)).toEqual([2])
})

test('an eavesdropper sees each datagram as it was sent, also one that is lost', async () => {
  const { network, a } = await twoEnds({ loss: 1 })
  const seen: string[] = []
  network.eavesdrop = ({ from, to, bytes }) => void seen.push(`${from} ${to} ${bytes.length}`)
  a.send(B, numbered(1))
  expect(seen).toEqual([`${A} ${B} ${SIZE}`])
})
