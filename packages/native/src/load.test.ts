import { runtimeWith } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { Errno, errnoName } from './errno.ts'
import { EFD_CLOEXEC, EFD_NONBLOCK, O_CLOEXEC, O_RDWR } from './linux.ts'
import { loadNative, probe, SYSTEM_CALLS } from './load.ts'
import type { SystemCalls } from './system-calls.ts'

const broken = (): never => {
  throw new Error('no binary for this machine\nsecond line')
}

test('a machine without the native side gets a reason, never a throw', () => {
  expect(probe('darwin', 'arm64', broken).reason).toBe('system calls are bound on Linux only, this is darwin')
  expect(probe('linux', 'ia32', broken).reason).toBe('system calls are bound on x64 and arm64 only, this is ia32')
  expect(probe('linux', 'x64', broken).reason).toBe('koffi does not load here (no binary for this machine)')
  expect(loadNative()).toBe(loadNative())
})

const { system } = loadNative()

describe.skipIf(system === undefined)('system calls (needs Linux and koffi)', () => {
  const calls = system as SystemCalls

  test('the token stands for them', () => {
    expect(runtimeWith().get(SYSTEM_CALLS)).toBe(calls)
  })

  test('read and write go to a place in memory and leave the rest alone', () => {
    const memory = new Uint8Array(64).fill(0x55)
    const base = calls.addressOf(memory)
    expect(calls.addressOf(memory.subarray(8))).toBe(base + 8)
    const fd = calls.eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK)
    expect(calls.read(fd, base + 16, 8)).toBe(8)
    // An eventfd hands out its count as a 64-bit number in host order.
    expect(new DataView(memory.buffer).getBigUint64(16, true)).toBe(3n)
    expect(memory.filter((byte) => byte === 0x55)).toHaveLength(56)
    expect(calls.write(fd, base + 16, 8)).toBe(8)
    expect(calls.read(fd, base, 8)).toBe(8)
    expect(memory[0]).toBe(3)
    expect(calls.close(fd)).toBe(0)
  })

  test('a failure is the negated errno', () => {
    const memory = new Uint8Array(8)
    const fd = calls.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    expect(calls.read(fd, calls.addressOf(memory), 8)).toBe(-Errno.EAGAIN)
    calls.close(fd)
    expect(errnoName(calls.read(fd, calls.addressOf(memory), 8))).toBe('EBADF')
    expect(calls.open('/nowhere/at/all', O_RDWR | O_CLOEXEC)).toBe(-Errno.ENOENT)
    expect(errnoName(-Errno.EBADFD)).toBe('EBADFD')
    expect(errnoName(4711)).toBe('errno 4711')
  })
})
