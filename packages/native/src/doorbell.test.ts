import { describe, expect, test } from 'vitest'
import { Doorbell, ringerOf } from './doorbell.ts'
import { loadNative } from './load.ts'
import type { SystemCalls } from './system-calls.ts'

const { system } = loadNative()

describe.skipIf(system === undefined)('a doorbell (needs Linux and koffi)', () => {
  const calls = system as SystemCalls

  test('tells of rings once for each time that somebody listens, and closes what it opened', async () => {
    let rings = 0
    let heard = (): void => {}
    const doorbell = new Doorbell(calls, () => {
      rings++
      heard()
    })
    const ring = ringerOf(calls, doorbell.fd)
    const listen = (): Promise<void> =>
      new Promise((resolve) => {
        heard = resolve
        doorbell.listen()
        doorbell.listen()
      })
    const first = listen()
    ring()
    ring()
    await first
    ring()
    await new Promise((resolve) => setImmediate(resolve))
    expect(rings).toBe(1)
    await listen()
    expect(rings).toBe(2)
    const { fd } = doorbell
    doorbell.listen()
    doorbell.close()
    const byte = new Uint8Array(8)
    const EBADF = 9
    for (let turn = 0; turn < 1000; turn++) {
      if (calls.read(fd, calls.addressOf(byte), 8) === -EBADF) break
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(calls.read(fd, calls.addressOf(byte), 8)).toBe(-EBADF)
    expect(rings).toBe(2)
  })
})
