import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FRESH, FragmentMap, OVERLAPPING, REPEATED } from './fragment-map.ts'

test('knows what a set of units knows, whatever the order and however they overlap', () => {
  const range = fc.tuple(fc.nat(1), fc.nat(8100), fc.oneof(fc.integer({ min: 1, max: 90 }), fc.constant(64)))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 60, size: 'max' }), (ranges) => {
      const map = new FragmentMap(2)
      const models = [new Set<number>(), new Set<number>()]
      for (const [datagram, from, length] of ranges) {
        const model = models[datagram]!
        const units = Array.from({ length }, (_, i) => from + i)
        const seen = units.filter((unit) => model.has(unit)).length
        const expected = seen === 0 ? FRESH : seen === length ? REPEATED : OVERLAPPING
        expect(map.add(datagram, from, from + length)).toBe(expected)
        if (expected === FRESH) for (const unit of units) model.add(unit)
        expect(map.units(datagram)).toBe(model.size)
      }
      map.clear(0)
      expect(map.add(0, 0, 8192)).toBe(FRESH)
      expect(map.units(1)).toBe(models[1]!.size)
    }),
    { numRuns: 60 },
  )
})
