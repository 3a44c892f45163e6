import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TupleIndex } from './tuple-index.ts'

type Tuple = readonly [protocol: number, local: number, localPort: number, remote: number, remotePort: number]

// Few values, so that tuples come again and places collide.
const tuple: fc.Arbitrary<Tuple> = fc.tuple(
  fc.constantFrom(1, 6, 17),
  fc.constantFrom(0, 1, 0xffffffff),
  fc.nat(3),
  fc.constantFrom(0, 0x80000000),
  fc.constantFrom(0, 65_535),
)

describe('TupleIndex', () => {
  test('does what a Map does', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), tuple), { maxLength: 200, size: 'max' }), fc.nat(), (steps, key) => {
        const capacity = 16
        const index = new TupleIndex(capacity, key, ~key)
        const model = new Map<string, number>()
        const free = Array.from({ length: capacity }, (_, i) => i)
        for (const [insert, entry] of steps) {
          const known = model.get(entry.join())
          expect(index.find(...entry)).toBe(known ?? -1)
          if (insert && known === undefined && free.length > 0) {
            const number = free.pop() as number
            index.insert(number, ...entry)
            model.set(entry.join(), number)
          } else if (!insert && known !== undefined) {
            index.remove(known)
            free.push(known)
            model.delete(entry.join())
          }
        }
        for (const [text, number] of model) {
          expect(index.find(...(text.split(',').map(Number) as unknown as Tuple))).toBe(number)
        }
      }),
    )
  })

  test('holds as many as it was made for', () => {
    const capacity = 5000
    const index = new TupleIndex(capacity, 1, 2)
    for (let i = 0; i < capacity; i++) index.insert(i, 6, i, 1, 2, 3)
    for (let i = 0; i < capacity; i++) expect(index.find(6, i, 1, 2, 3)).toBe(i)
    expect(index.find(6, capacity, 1, 2, 3)).toBe(-1)
  })
})
