import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteRing } from './byte-ring.ts'
import { Pieces } from './pieces.ts'
import { CHUNK, Slab } from './slab.ts'

const SIZE = 5 * CHUNK

/** The bytes that pieces stand for. */
function bytesOf(slab: Slab, pieces: Pieces): Buffer {
  const all = Array.from({ length: pieces.count }, (_, i) => {
    const start = pieces.starts[i] as number
    return slab.memory.subarray(start, start + (pieces.lengths[i] as number))
  })
  return Buffer.concat(all)
}

const step = fc.record({
  kind: fc.constantFrom('write', 'fill', 'consume'),
  /** Room asked for, and how much of it is used. */
  size: fc.nat(2 * CHUNK),
  used: fc.double({ min: 0, max: 1, noNaN: true }),
})

test('what is written, filled in and consumed is what lies in the pieces, and no room is kept for nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const slab = new Slab(4 * CHUNK)
      const ring = new ByteRing(slab, SIZE)
      let content = Buffer.alloc(0)
      let next = 0
      const take = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => next++ % 251))
      for (const { kind, size, used } of steps) {
        if (kind === 'consume') {
          const count = Math.min(size, content.length)
          content = content.subarray(count)
          if (content.length === 0) ring.clear()
          else ring.consume(count)
        } else {
          const asked = Math.min(size, SIZE - content.length)
          if (kind === 'write') {
            const bytes = take(asked)
            const taken = ring.write(content.length, bytes, 0, asked)
            content = Buffer.concat([content, bytes.subarray(0, taken)])
            next -= asked - taken
          } else {
            const reserved = ring.reserve(content.length, asked)
            const pieces = new Pieces(8)
            expect(ring.locate(content.length, reserved, pieces)).toBe(reserved)
            const count = Math.floor(reserved * used)
            const bytes = take(count)
            let done = 0
            for (let i = 0; i < pieces.count && done < count; i++) {
              const part = bytes.subarray(done, done + (pieces.lengths[i] as number))
              slab.memory.set(part, pieces.starts[i])
              done += part.length
            }
            content = Buffer.concat([content, bytes])
            ring.unreserve(content.length, reserved - count)
            if (content.length === 0) expect(ring.memory).toBe(0)
          }
        }
        const pieces = new Pieces(8)
        expect(ring.locate(0, content.length, pieces)).toBe(content.length)
        expect(bytesOf(slab, pieces).equals(content)).toBe(true)
        expect(ring.memory).toBeLessThanOrEqual(Math.ceil(content.length / CHUNK) * CHUNK + CHUNK)
        expect(slab.free + ring.memory).toBe(slab.memory.length)
      }
    }),
    { numRuns: 60 },
  )
})

test('pieces end where there is no room for more of them', () => {
  const slab = new Slab(4 * CHUNK)
  const ring = new ByteRing(slab, SIZE)
  expect(ring.reserve(0, 4 * CHUNK)).toBe(4 * CHUNK)
  const pieces = new Pieces(3)
  expect(ring.locate(100, 4 * CHUNK - 100, pieces)).toBe(3 * CHUNK - 100)
  expect([...pieces.lengths]).toEqual([CHUNK - 100, CHUNK, CHUNK])
  expect(ring.reserve(4 * CHUNK, 1)).toBe(0)
})
