import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../testing/seeded-random.ts'
import { onesComplementSum } from './checksum.ts'
import { memoryWithSums, type OnesComplement } from './ones-complement.ts'

const SIZE = 3 * 65_536
const wasm = memoryWithSums(SIZE)
const plain = memoryWithSums(SIZE, null)

function bytesOf(sums: OnesComplement): Uint8Array {
  return new Uint8Array(sums.view.buffer)
}

test('where the engine has SIMD it is used, else plain JavaScript', () => {
  const engine = Reflect.get(globalThis, 'WebAssembly')
  const withoutSimd = memoryWithSums(SIZE, { ...engine, Memory: engine.Memory, validate: () => false })
  const noRoom = memoryWithSums(SIZE, {
    ...engine,
    Memory: class {
      readonly buffer = new ArrayBuffer(0)
      constructor() {
        throw new RangeError('could not allocate memory')
      }
    },
  })
  expect(wasm.constructor).not.toBe(plain.constructor)
  expect(withoutSimd.constructor).toBe(plain.constructor)
  expect(noRoom.constructor).toBe(plain.constructor)
  for (const { view } of [wasm, plain, withoutSimd, noRoom]) expect(view.byteLength).toBe(SIZE)
})

test('memory has the very size that was asked for', () => {
  for (const size of [0, 1, 65_535, 65_537]) expect(memoryWithSums(size).view.byteLength).toBe(size)
})

describe.each([
  ['in WebAssembly', wasm],
  ['in JavaScript', plain],
])('sums %s', (_, sums) => {
  const memory = bytesOf(sums)
  new SeededRandom(1).fill(memory)

  const fill = (kind: 'noise' | 'ones' | 'zeroes'): void => {
    if (kind === 'noise') new SeededRandom(2).fill(memory)
    else memory.fill(kind === 'ones' ? 0xff : 0)
  }

  test('equal the plain one at every length to 2,100 and every alignment', () => {
    let wrong = 0
    for (let offset = 4096; offset < 4112; offset++) {
      for (let length = 0; length <= 2100; length++) {
        if (sums.sum(offset, length) !== onesComplementSum(sums.view, offset, length)) wrong++
      }
    }
    expect(wrong).toBe(0)
  })

  test.each(['noise', 'ones', 'zeroes'] as const)('lose no carry and keep the two zeroes apart: %s', (kind) => {
    fill(kind)
    for (const length of [0, 1, 2, 3, 64, 1368, 65_535, 65_575]) {
      const expected = onesComplementSum(sums.view, 7, length)
      if (kind !== 'noise') expect(expected === 0).toBe(kind === 'zeroes' || length === 0)
      expect(sums.sum(7, length)).toBe(expected)
      expect(sums.copyAndSum(7, 100_001, length)).toBe(expected)
    }
    fill('noise')
  })

  test('a copy is what was there, and nothing around it changes', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), fc.nat(300), fc.nat(255), (before, behind, length, fill) => {
        const from = 1000 + before
        const to = 2000 + behind
        memory.fill(fill, to - 64, to + length + 64)
        const expected = memory.slice()
        expected.copyWithin(to, from, from + length)
        expect(sums.copyAndSum(from, to, length)).toBe(onesComplementSum(sums.view, from, length))
        expect(Buffer.compare(memory, expected)).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  test('a copy may move bytes down over themselves', () => {
    for (let distance = 1; distance < 80; distance++) {
      for (const length of [1, 16, 70, 200]) {
        new SeededRandom(distance).fill(memory.subarray(400, 800))
        const expected = memory.slice(500, 500 + length)
        const sum = onesComplementSum(sums.view, 500, length)
        expect(sums.copyAndSum(500, 500 - distance, length)).toBe(sum)
        expect(memory.slice(500 - distance, 500 - distance + length)).toEqual(expected)
      }
    }
  })

  test('the last bytes of the memory are in reach', () => {
    expect(sums.sum(SIZE - 1, 1)).toBe((memory[SIZE - 1] as number) << 8)
    expect(sums.sum(SIZE - 77, 77)).toBe(onesComplementSum(sums.view, SIZE - 77, 77))
  })
})
