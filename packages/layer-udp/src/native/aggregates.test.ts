import { SeededRandom } from '@millrace/core/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Aggregate, aggregatesOf, countOutside, type SourceList } from './aggregates.ts'

const LEFT_OUT = 1 / 64

/** An address as text of bits, IPv4 or the upper half of IPv6. */
interface Source {
  readonly family: 4 | 6
  readonly bits: string
}

const bitsOf = (word: number): string => (word >>> 0).toString(2).padStart(32, '0')
const prefixText = ({ high, low, length }: Aggregate): string => (bitsOf(high) + bitsOf(low)).slice(0, length)

/** As its description says it: the addresses that begin as none of the prefixes of their family do. */
function outsideSlowly(sources: readonly Source[], prefixes: readonly Aggregate[]): number {
  return sources.filter(
    ({ family, bits }) => !prefixes.some((each) => each.family === family && bits.startsWith(prefixText(each))),
  ).length
}

function listOf(sources: readonly Source[]): SourceList {
  const word = (from: number) =>
    Uint32Array.from(sources, ({ bits }) => Number.parseInt(`0${bits.slice(from, from + 32)}`, 2))
  return {
    family: Uint8Array.from(sources, ({ family }) => family),
    high: word(0),
    low: word(32),
    length: sources.length,
  }
}

/** Sources under a prefix, given in bits. */
function under(family: 4 | 6, prefix: string, count: number, seed = 1): Source[] {
  const random = new SeededRandom(seed)
  const length = family === 4 ? 32 : 64
  return Array.from({ length: count }, () => ({
    family,
    bits: (prefix + bitsOf(random.uint32()) + bitsOf(random.uint32())).slice(0, length),
  }))
}

const prefixOfFlood = fc.record({
  family: fc.constantFrom<4 | 6>(4, 6),
  prefix: fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 32 }),
  weight: fc.integer({ min: 1, max: 4 }),
})

describe('where a flood comes from', () => {
  test('is few prefixes, none within another, with nearly all of the sources in them', () =>
    fc.assert(
      fc.property(fc.array(prefixOfFlood, { minLength: 1, maxLength: 4 }), fc.nat(), (floods, seed) => {
        const total = floods.reduce((sum, { weight }) => sum + weight, 0)
        const sources = floods.flatMap(({ family, prefix, weight }, i) =>
          under(family, prefix, Math.round((512 * weight) / total), seed + i),
        )
        const found = aggregatesOf(listOf(sources), LEFT_OUT)
        expect(found.length).toBeGreaterThan(0)
        expect(found.length).toBeLessThanOrEqual(8)
        expect(outsideSlowly(sources, found)).toBeLessThanOrEqual(sources.length * LEFT_OUT)
        expect(countOutside(listOf(sources), found)).toBe(outsideSlowly(sources, found))
        for (const one of found) {
          for (const other of found) {
            const isApart = one.family !== other.family || !prefixText(one).startsWith(prefixText(other))
            expect(one === other || isApart).toBe(true)
          }
        }
      }),
    ))

  test('lies within where it really comes from, if that is one prefix or two', () =>
    fc.assert(
      fc.property(fc.array(prefixOfFlood, { minLength: 1, maxLength: 2 }), fc.nat(), (floods, seed) => {
        const sources = floods.flatMap(({ family, prefix }, i) => under(family, prefix, 512 / floods.length, seed + i))
        for (const found of aggregatesOf(listOf(sources), LEFT_OUT)) {
          const isWithin = floods.some(
            ({ family, prefix }) => family === found.family && prefixText(found).startsWith(prefix),
          )
          expect(isWithin).toBe(true)
        }
      }),
    ))

  test('leaves nothing out that could be chance: everywhere is everywhere', () =>
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const sources = under(4, '', 512, seed)
        const found = aggregatesOf(listOf(sources), LEFT_OUT)
        expect(outsideSlowly(under(4, '', 512, seed + 1), found)).toBe(0)
      }),
    ))

  test('does not see a few who are elsewhere', () => {
    const sources = [
      ...under(4, bitsOf(0x0a00_0000).slice(0, 8), 508),
      ...under(4, bitsOf(0xc633_6402), 3),
      ...under(6, '001', 1),
    ]
    const found = aggregatesOf(listOf(sources), LEFT_OUT).toSorted((a, b) => a.high - b.high)
    expect(found.map(({ family, length }) => [family, length])).toEqual(Array.from({ length: 8 }, () => [4, 11]))
    expect(found.map(({ high }) => high)).toEqual(Array.from({ length: 8 }, (_, i) => 0x0a00_0000 + i * 0x20_0000))
  })

  test('is unknown without a source', () => {
    expect(aggregatesOf(listOf([]), LEFT_OUT)).toEqual([])
  })
})
