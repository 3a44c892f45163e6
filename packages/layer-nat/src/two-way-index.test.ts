import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rows } from './rows.ts'
import { INDEXED_WORDS, TwoWayIndex } from './two-way-index.ts'

const CAPACITY = 6
const STRIDE = 8

// Few values, so that ends come again, and bits of all places.
const ends = fc.record({
  protocol: fc.constantFrom(6, 17, 255),
  inside: fc.constantFrom(1, 0xffffffff),
  insidePort: fc.constantFrom(0, 65_535),
  outside: fc.constantFrom(2, 0x80000000),
  outsidePort: fc.constantFrom(1024, 65_535),
  remote: fc.constantFrom(0, 0xc6336407),
  remotePort: fc.constantFrom(0, 443, 65_535),
})

describe('TwoWayIndex', () => {
  test('does what two Maps do, and leaves the other words alone', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(ends, fc.boolean()), { maxLength: 150, size: 'max' }), fc.nat(), (steps, seed) => {
        let drawn = seed
        const rows = new Rows(CAPACITY, STRIDE)
        const index = new TwoWayIndex(rows, () => (drawn = Math.imul(drawn + 1, 0x9e3779b1)))
        const byInside = new Map<string, number>()
        const byOutside = new Map<string, number>()
        const free = Array.from({ length: CAPACITY }, (_, row) => row)
        for (const [ends, isExpected] of steps) {
          const { protocol, inside, insidePort, outside, outsidePort, remote, remotePort } = ends
          const up = [protocol, inside, insidePort, remote, remotePort] as const
          const down = [protocol, outside, outsidePort, remote, remotePort] as const
          if (isExpected) {
            index.expectInside(...up)
            index.expectOutside(...down)
            index.fetch()
          }
          const [ofInside, ofOutside] = [byInside.get(up.join()), byOutside.get(down.join())]
          expect([index.findInside(...up), index.findOutside(...down)]).toEqual([ofInside ?? -1, ofOutside ?? -1])
          if (ofInside !== undefined && ofInside === ofOutside) {
            index.remove(ofInside)
            byInside.delete(up.join())
            byOutside.delete(down.join())
            free.push(ofInside)
          } else if (ofInside === undefined && ofOutside === undefined && free.length > 0) {
            const row = free.pop() as number
            index.insert(row, protocol, inside, insidePort, outside, outsidePort, remote, remotePort)
            byInside.set(up.join(), row)
            byOutside.set(down.join(), row)
            expect({
              protocol: index.protocol(row),
              inside: index.insideAddress(row) >>> 0,
              insidePort: index.insidePort(row),
              outside: index.outsideAddress(row) >>> 0,
              outsidePort: index.outsidePort(row),
              remote: index.remote(row) >>> 0,
              remotePort: index.remotePort(row),
            }).toEqual(ends)
          }
        }
        expect(rows.words.every((word, at) => at % STRIDE < INDEXED_WORDS || word === 0)).toBe(true)
      }),
    )
  })
})
