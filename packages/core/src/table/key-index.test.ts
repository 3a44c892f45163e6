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
})
