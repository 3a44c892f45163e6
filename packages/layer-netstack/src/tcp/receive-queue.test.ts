import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReceiveQueue } from './receive-queue.ts'
import { CHUNK, Slab } from './slab.ts'

/** The same, made to be read: a byte a place, the first one that comes stays. */
class SlowQueue {
  readonly #bytes = new Map<number, number>()
  readonly #size: number
  read = 0
  next = 0

  constructor(size: number) {
    this.#size = size
  }

  insert(position: number, bytes: Uint8Array): void {
    for (const [i, byte] of bytes.entries()) {
      const at = position + i
      if (at >= this.next && at < this.read + this.#size && !this.#bytes.has(at)) this.#bytes.set(at, byte)
    }
    while (this.#bytes.has(this.next)) this.next++
  }

  take(count: number): number[] {
    const end = Math.min(this.read + count, this.next)
    const bytes: number[] = []
    for (; this.read < end; this.read++) bytes.push(this.#bytes.get(this.read) as number)
    return bytes
  }

  /** Ranges ahead of the first hole. */
  ranges(): [number, number][] {
    const ahead = [...this.#bytes.keys()].filter((at) => at > this.next).sort((a, b) => a - b)
    const ranges: [number, number][] = []
    for (const at of ahead) {
      const last = ranges.at(-1)
      if (last?.[1] === at) last[1]++
      else ranges.push([at, at + 1])
    }
    return ranges
  }
}

type Step = { readonly at: number; readonly length: number } | { readonly read: number }

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ at: fc.integer({ min: -40, max: 400 }), length: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ read: fc.nat(200) }) },
  ),
  { maxLength: 60 },
)

function compare(script: readonly Step[], begin: number, scale: number): void {
  const size = 300 * scale
  const slab = new Slab(64 * CHUNK)
  const queue = new ReceiveQueue(slab, size)
  const slow = new SlowQueue(size)
  queue.begin(begin)
  let stamp = 0
  for (const step of script) {
    if ('read' in step) {
      const into = new Uint8Array(step.read * scale)
      const count = queue.read(into)
      expect([...into.subarray(0, count)]).toEqual(slow.take(step.read * scale))
    } else {
      stamp++
      // Every segment has bytes of its own, so that it shows which ones have been kept.
      const bytes = Uint8Array.from({ length: step.length * scale }, (_, i) => stamp * 31 + i)
      const position = slow.next + step.at * scale
      const padded = new Uint8Array(bytes.length + 3)
      padded.set(bytes, 3)
      queue.insert((begin + position) | 0, padded, 3, bytes.length)
      slow.insert(position, bytes)
    }
    expect([queue.next, queue.length]).toEqual([(begin + slow.next) | 0, slow.next - slow.read])
    const blocks = new Int32Array(8)
    const count = queue.blocks(blocks, 4)
    const ranges = slow.ranges().map(([start, end]) => `${(begin + start) | 0}-${(begin + end) | 0}`)
    expect(queue.hasHoles).toBe(ranges.length > 0)
    expect(count).toBe(Math.min(ranges.length, 4))
    for (let i = 0; i < count; i++) expect(ranges).toContain(`${blocks[2 * i]}-${blocks[2 * i + 1]}`)
  }
  queue.clear()
  expect(slab.free).toBe(64 * CHUNK)
}

describe('the receive queue', () => {
  test('puts any segments in any order together as its slow twin does', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(0, -100, 2 ** 31 - 100), (script, begin) => compare(script, begin, 1)),
      { numRuns: 200 },
    )
  })

  test('across the borders of chunks too', () => {
    fc.assert(
      fc.property(steps, (script) => compare(script.slice(0, 15), -50_000, 211)),
      { numRuns: 15 },
    )
  })

  test('that finds no memory keeps what it got, and goes on later', () => {
    const slab = new Slab(2 * CHUNK)
    const queue = new ReceiveQueue(slab, 2 ** 20)
    queue.begin(0)
    const data = new Uint8Array(3 * CHUNK).fill(5)
    expect(queue.insert(0, data, 0, data.length)).toBe(false)
    expect(queue.length).toBe(2 * CHUNK)
    expect(queue.insert(5 * CHUNK, data, 0, 10)).toBe(false)
    queue.consume(CHUNK)
    expect(queue.insert(2 * CHUNK, data, 0, 100)).toBe(true)
    expect(queue.length).toBe(CHUNK + 100)
  })

  test('shows what can be read in one piece', () => {
    const queue = new ReceiveQueue(new Slab(8 * CHUNK), 2 ** 20)
    queue.begin(0)
    queue.insert(0, new Uint8Array(CHUNK + 10), 0, CHUNK + 10)
    expect(queue.peek().length).toBe(CHUNK)
    queue.consume(CHUNK)
    expect(queue.peek().length).toBe(10)
  })
})
