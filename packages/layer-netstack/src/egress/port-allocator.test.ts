import { ConfigurationError } from '@millrace/core'
import { SeededRandom } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { destinationKey } from './destination-key.ts'
import { PortAllocator, type PortAllocatorOptions } from './port-allocator.ts'

const A = destinationKey(Uint8Array.of(198, 51, 100, 1), 443)
const B = destinationKey(Uint8Array.of(198, 51, 100, 1), 80)

function allocator(options: Partial<PortAllocatorOptions> = {}): PortAllocator {
  return new PortAllocator({ scope: 'destination', ...options }, new SeededRandom(5))
}

function takeAll(ports: PortAllocator, destination: string, now = 0): number[] {
  const taken: number[] = []
  for (let port = ports.take(destination, now); port >= 0; port = ports.take(destination, now)) taken.push(port)
  return taken
}

const numbers = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)
const sorted = (ports: number[]): number[] => ports.toSorted((a, b) => a - b)

describe('source ports', () => {
  test('each of the default range once, to one destination', () => {
    const ports = allocator()
    expect(ports.capacity).toBe(64_512)
    expect(sorted(takeAll(ports, A))).toEqual(numbers(1024, 65_535))
    expect([ports.held, ports.mostHeld(), ports.exhausted]).toEqual([64_512, 64_512, 1])
    expect(ports.take(B, 0)).toBeGreaterThan(0)
  })

  test('each once, to each destination', () => {
    const ports = allocator({ ports: [4000, 4999] })
    for (const destination of [A, B]) expect(sorted(takeAll(ports, destination))).toEqual(numbers(4000, 4999))
    expect([ports.held, ports.mostHeld(), ports.exhausted]).toEqual([2000, 1000, 2])
  })

  test('endpoint-independent: each once in all', () => {
    const ports = allocator({ scope: 'all', ports: [4000, 4003] })
    const port = ports.take(A, 0)
    expect(sorted([port, ...takeAll(ports, B)])).toEqual(numbers(4000, 4003))
    expect(ports.take(A, 0)).toBe(-1)
    expect([ports.held, ports.mostHeld(), ports.exhausted]).toEqual([4, 4, 2])
  })

  test('never one that is reserved', () => {
    const ports = allocator({ ports: [1024, 1040], reservedPorts: [53, 1024, 1030, 1030, 1040, 51_820] })
    expect(ports.capacity).toBe(14)
    expect(sorted(takeAll(ports, A))).toEqual(numbers(1025, 1039).filter((port) => port !== 1030))
  })

  test('are hard to foretell: neighbours in time are not neighbours in number', () => {
    const ports = allocator({ scope: 'all' })
    const taken = Array.from({ length: 1000 }, () => ports.take(A, 0))
    const near = taken.filter((port, i) => i > 0 && Math.abs(port - taken[i - 1]!) < 64).length
    // By chance 1000 * 128 / 64512, about 2.
    expect(near).toBeLessThan(12)
  })

  test('one that was given back rests for its destination, and for no other', () => {
    const ports = allocator({ ports: [4000, 4001], holdDown: 1000 })
    const first = ports.take(A, 0)
    ports.release(A, first, 0)
    expect(ports.held).toBe(0)
    const second = ports.take(A, 999)
    expect(second).not.toBe(first)
    expect(takeAll(ports, B, 999)).toContain(first)
    expect(ports.take(A, 1000)).toBe(first)
  })

  test('nothing rests when nothing else is left, and the longest at rest goes first', () => {
    const ports = allocator({ ports: [4000, 4003], holdDown: 1000 })
    const taken = takeAll(ports, A)
    for (const [i, port] of taken.entries()) ports.release(A, port, i)
    expect(taken.map(() => ports.take(A, 10))).toEqual(taken)
    expect(ports.take(A, 10)).toBe(-1)
  })

  test('one that the system refused is not given again soon', () => {
    const ports = allocator({ ports: [4000, 4002], holdDown: 0 })
    const tried: number[] = []
    for (let i = 0; i < 3; i++) {
      const port = ports.take(A, 10)
      tried.push(port)
      ports.failed(A, port, 10)
    }
    expect(sorted(tried)).toEqual([4000, 4001, 4002])
    expect([ports.refused, ports.held]).toEqual([3, 0])
    expect(ports.take(A, 20)).toBe(tried[0])
  })

  test('one given back twice, or never taken, changes nothing', () => {
    const ports = allocator({ ports: [4000, 4001] })
    const port = ports.take(A, 0)
    ports.release(B, port, 0)
    ports.release(A, port, 0)
    ports.release(A, port, 0)
    ports.failed(A, 5000, 0)
    expect(ports.held).toBe(0)
    expect(sorted(takeAll(ports, A))).toEqual([4000, 4001])
  })

  test('memory of destinations long gone does not grow: what they rested on is given up', () => {
    const ports = allocator({ ports: [4000, 4000], holdDown: 1e9 })
    const keys = Array.from({ length: 10_000 }, (_, i) => destinationKey(Uint8Array.of(1, 2, i >> 8, i & 255), 443))
    for (const key of keys) ports.release(key, ports.take(key, 0), 0)
    expect(ports.size).toBe(8192)
    expect(ports.take(A, 1e9)).toBe(4000)
    expect(ports.size).toBe(1)
  })

  test('no port is held twice, and none is lost, whatever comes', () => {
    const step = fc.record({ give: fc.boolean(), which: fc.nat(20), wait: fc.nat(40), refused: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.constantFrom('all' as const, 'destination' as const),
        (steps, scope) => {
          const ports = allocator({ scope, ports: [4000, 4004], reservedPorts: [4002], holdDown: 60 })
          const held: { destination: string; port: number }[] = []
          let now = 0
          for (const { give, which, wait, refused } of steps) {
            now += wait
            if (give) {
              const [gone] = held.splice(which, 1)
              if (gone !== undefined) ports[refused ? 'failed' : 'release'](gone.destination, gone.port, now)
              continue
            }
            const destination = which % 2 === 0 ? A : B
            const rivals = held.filter((other) => scope === 'all' || other.destination === destination)
            const port = ports.take(destination, now)
            if (port < 0) expect(rivals).toHaveLength(4)
            else {
              expect([4000, 4001, 4003, 4004]).toContain(port)
              expect(rivals.map((rival) => rival.port)).not.toContain(port)
              held.push({ destination, port })
            }
            expect(ports.held).toBe(held.length)
          }
        },
      ),
    )
  })

  test.each([
    [{ ports: [0, 10] }, 'ports'],
    [{ ports: [2000, 1000] }, 'ports'],
    [{ ports: [1024, 65_536] }, 'ports'],
    [{ reservedPorts: [0] }, 'reservedPorts'],
    [{ ports: [80, 81], reservedPorts: [80, 81] }, 'reservedPorts'],
    [{ holdDown: -1 }, 'holdDown'],
  ] as const)('%o is refused in a line that names it', (options, name) => {
    expect(() => allocator(options)).toThrow(ConfigurationError)
    expect(() => allocator(options)).toThrow(new RegExp(`^sockets ${name}: expected`))
  })
})

test('keys of destinations differ where the destinations do', () => {
  const addresses = [[1, 2, 3, 4], [1, 2, 4, 3], Array(16).fill(0), [...Array(12).fill(0), 1, 2, 3, 4]]
  const keys = addresses.flatMap((address) =>
    [1, 0x102, 65_535].map((port) => destinationKey(Uint8Array.from(address), port)),
  )
  expect(new Set(keys).size).toBe(keys.length)
  expect(destinationKey(Uint8Array.of(1, 2, 3, 4), 1)).toBe(keys[0])
})
