import { AF_INET, AF_INET6, NAME_WORDS } from '@millrace/native'
import { expect, test } from 'vitest'
import { SourceSample } from './source-sample.ts'

const KIND = 1
const SIZE = 512

/** A sockaddr_in or sockaddr_in6 with these bytes of an address. */
function name(...address: readonly number[]): Int32Array {
  const words = new Int32Array(NAME_WORDS)
  words[0] = address.length === 4 ? AF_INET : AF_INET6
  new Uint8Array(words.buffer).set(address, address.length === 4 ? 4 : 8)
  return words
}

const listOf = ({ length, family, high, low }: SourceSample) =>
  Array.from({ length }, (_, i) => [family[i], high[i], low[i]])

test('remembers the sources of what is wanted, in numbers, and counts everything', () => {
  const sample = new SourceSample()
  const [ipv4, ipv6] = [name(10, 1, 2, 255), name(0x20, 1, 0xd, 0xb8, 0, 0, 0xab, 1, 0, 0, 0, 0, 0, 0, 0, 9)]
  sample.note(Uint8Array.of(0, KIND), 1, 1, 0, ipv4)
  expect(sample.length).toBe(0)
  sample.want([KIND, 2])
  for (const first of [KIND, 4, 2]) sample.note(Uint8Array.of(0, first), 1, 1, 0, first === 2 ? ipv6 : ipv4)
  sample.note(new Uint8Array(2), 1, 0, 0, ipv4)
  expect(listOf(sample)).toEqual([
    [4, 0x0a01_02ff, 0],
    [6, 0x2001_0db8, 0xab01],
  ])
  expect([0, KIND, 2, 4].map((first) => sample.counts[first])).toEqual([0, 2, 1, 1])
  sample.want([])
  expect(sample.length).toBe(0)
})

test('looks at each datagram of a train, the last of which may be shorter', () => {
  const sample = new SourceSample()
  sample.want([KIND])
  sample.note(Uint8Array.of(0, 4, 0, 0, KIND, 0, 0, KIND), 1, 7, 3, name(10, 0, 0, 1))
  expect([sample.counts[4], sample.counts[KIND], sample.inTrains, sample.length]).toEqual([1, 2, 2, 2])
  sample.note(Uint8Array.of(KIND, KIND), 0, 2, 1, name(10, 0, 0, 1))
  expect([sample.counts[KIND], sample.inTrains]).toEqual([4, 3])
})

test('has the last so many, and knows when it is full', () => {
  const sample = new SourceSample()
  sample.want([KIND])
  for (let i = 0; i < SIZE + 2; i++) {
    expect(sample.isFull).toBe(i >= SIZE)
    sample.note(Uint8Array.of(KIND), 0, 1, 0, name(10, 0, i >> 8, i & 0xff))
  }
  expect(sample.length).toBe(SIZE)
  expect(Array.from(sample.high).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: SIZE }, (_, i) => 0x0a00_0002 + i),
  )
})
