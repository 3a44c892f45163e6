import { describe, expect, test } from 'vitest'
import { IoVectors } from './io-vectors.ts'
import { AF_INET, SOCK_DGRAM, SOCK_NONBLOCK } from './linux.ts'
import { loadNative } from './load.ts'
import type { SystemCalls } from './system-calls.ts'

const { system } = loadNative()

/** A UDP socket on loopback that is connected to itself. */
function mirror(calls: SystemCalls): number {
  const fd = calls.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)
  const name = Uint8Array.of(AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
  const size = Uint8Array.of(name.length, 0, 0, 0)
  expect(calls.bind(fd, calls.addressOf(name), name.length)).toBe(0)
  expect(calls.getsockname(fd, calls.addressOf(name), calls.addressOf(size))).toBe(0)
  expect(calls.connect(fd, calls.addressOf(name), name.length)).toBe(0)
  return fd
}

describe.skipIf(system === undefined)('an array of struct iovec (needs Linux and koffi)', () => {
  test('what is written out of two pieces is read into three', () => {
    const calls = system as SystemCalls
    const fd = mirror(calls)
    const from = Uint8Array.of(5, 6, 7, 8, 99, 1, 2, 3, 4)
    const vectors = new IoVectors(calls, 3)
    vectors.set(0, calls.addressOf(from) + 5, 4)
    vectors.set(1, calls.addressOf(from), 4)
    expect(calls.writev(fd, vectors.address, 2)).toBe(8)
    const to = new Uint8Array(new ArrayBuffer(10))
    vectors.set(0, calls.addressOf(to) + 6, 3)
    vectors.set(1, calls.addressOf(to), 1)
    vectors.set(2, calls.addressOf(to) + 2, 4)
    expect(calls.readv(fd, vectors.address, 3)).toBe(8)
    expect([...to]).toEqual([4, 0, 5, 6, 7, 8, 1, 2, 3, 0])
    calls.close(fd)
  })
})
