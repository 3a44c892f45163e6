import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyIndex } from './key-index.ts'

const CAPACITY = 32
const KEY_WORDS = 9
const key = (number: number): Int32Array => {
  const words = new Int32Array(KEY_WORDS)
  // Keys that differ in one word only, each in another.
  words[number % KEY_WORDS] = 1 + Math.floor(number / KEY_WORDS)
  return words
}

describe('the index of keys', () => {
  test('finds what a map would, however it is filled and emptied', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(99), { maxLength: 300 }), fc.nat(), (numbers, secret) => {
        const index = new KeyIndex(CAPACITY, KEY_WORDS, secret, ~secret)
        const map = new Map<number, number>()
        const free = Array.from({ length: CAPACITY }, (_, i) => i)
        for (const number of numbers) {
          const entry = map.get(number)
          if (entry !== undefined) {
            index.remove(entry)
            map.delete(number)
            free.push(entry)
          } else if (free.length > 0) {
            const next = free.pop() as number
            index.insert(next, key(number))
            map.set(number, next)
          }
          for (let each = 0; each < 100; each++) expect(index.find(key(each))).toBe(map.get(each) ?? -1)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('keys may stand in rows of the owner, one with another, and be expected, found or not', () => {
    // Two keys of three words that have the middle one in common.
    const step = fc.record({ left: fc.nat(3), common: fc.nat(2), right: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.array(fc.boolean()), fc.nat(), (steps, fetches, secret) => {
        const [stride, capacity] = [5, 12]
        const words = new Int32Array(capacity * stride).fill(-1)
        const lefts = new KeyIndex(capacity, 3, secret, 1, { words, start: 0, stride })
        const rights = new KeyIndex(capacity, 3, secret, 2, { words, start: 2, stride })
        const map = new Map<string, number>()
        const free = Array.from({ length: capacity }, (_, i) => i)
        for (const [i, { left, common, right }] of steps.entries()) {
          const [a, b] = [Int32Array.of(left, 7, common), Int32Array.of(common, 8, right)]
          if (fetches[i % (fetches.length || 1)]) {
            for (const key of [a, a, Int32Array.of(99, 7, common)]) lefts.expect(key)
            rights.expect(b)
            lefts.fetch()
            rights.fetch()
          }
          const ofLeft = map.get(`left ${left} ${common}`)
          const ofRight = map.get(`right ${common} ${right}`)
          expect([lefts.find(a), rights.find(b)]).toEqual([ofLeft ?? -1, ofRight ?? -1])
          if (ofLeft !== undefined && ofLeft === ofRight) {
            lefts.remove(ofLeft)
            rights.remove(ofLeft)
            map.delete(`left ${left} ${common}`)
            map.delete(`right ${common} ${right}`)
            free.push(ofLeft)
          } else if (ofLeft === undefined && ofRight === undefined && free.length > 0) {
            const entry = free.shift() as number
            lefts.insert(entry, a)
            rights.insert(entry, b)
            map.set(`left ${left} ${common}`, entry)
            map.set(`right ${common} ${right}`, entry)
          }
        }
      }),
    )
  })

  test('more may be expected than it has room to prepare', () => {
    const index = new KeyIndex(2000, 1, 3, 4)
    for (let i = 0; i < 2000; i++) index.insert(i, Int32Array.of(i * 7))
    for (let i = 0; i < 2000; i++) index.expect(Int32Array.of(i * 7))
    index.fetch()
    for (let i = 0; i < 2000; i++) expect(index.find(Int32Array.of(i * 7))).toBe(i)
  })
})
