import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseHashes, type Hashes, hashesAreRight, ownHashes } from './hashes.ts'
import { nobleHashes } from './noble-hashes.ts'

const wrong = new Uint8Array(32)

describe('the hashes in use', () => {
  test('are our own, where they are right', () => {
    expect(chooseHashes(ownHashes)).toBe(ownHashes)
  })

  test.each<[string, Partial<Hashes>]>([
    ['hash', { hash: () => wrong }],
    ['keyed hash', { keyedMac: () => wrong.subarray(16) }],
    ['key derivation', { deriveKeys: (count) => Array.from({ length: count }, () => wrong) }],
    ['key derivation that gives too little', { deriveKeys: () => [] }],
    [
      'implementation',
      {
        hash: () => {
          throw new Error('broken')
        },
      },
    ],
  ])('are noble’s where the %s is wrong', (_what, difference) => {
    const broken = { ...ownHashes, ...difference }
    expect(hashesAreRight(broken)).toBe(false)
    expect(chooseHashes(broken)).toBe(nobleHashes)
  })

  test('agree in the key derivation, whatever goes in', () => {
    const bytes = fc.uint8Array({ maxLength: 100 })
    fc.assert(
      fc.property(fc.constantFrom(1 as const, 2 as const, 3 as const), bytes, bytes, (count, key, input) => {
        expect(ownHashes.deriveKeys(count, key, input)).toEqual(nobleHashes.deriveKeys(count, key, input))
      }),
    )
  })
})
