import { readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Errno } from './errno.ts'
import { O_CLOEXEC } from './linux.ts'
import { inNetworkNamespace } from './namespace.ts'
import type { SystemCalls } from './system-calls.ts'
import { canEnterNetworkNamespace, enterNetworkNamespace, nativeSystem } from './testing/index.ts'

const here = (): string => readlinkSync('/proc/thread-self/ns/net')

test.skipIf(!canEnterNetworkNamespace())(
  'work is done in the other namespace, and the thread comes back (needs root)',
  () => {
    const system = nativeSystem()
    const outside = here()
    const fd = system.open('/proc/thread-self/ns/net', O_CLOEXEC)
    const namespace = enterNetworkNamespace()
    try {
      const inside = here()
      expect(inside).not.toBe(outside)
      expect(inNetworkNamespace(system, fd, here)).toBe(outside)
      expect(here()).toBe(inside)
      expect(() =>
        inNetworkNamespace(system, fd, () => {
          throw new Error('failed there')
        }),
      ).toThrow('failed there')
      expect(here()).toBe(inside)
    } finally {
      namespace.leave()
      system.close(fd)
    }
  },
)

test('where it is not allowed nothing is done', () => {
  const closed: number[] = []
  const system = { open: () => 5, close: (fd: number) => closed.push(fd), setns: () => -Errno.EPERM }
  let done = 0
  expect(inNetworkNamespace(system as Partial<SystemCalls> as SystemCalls, 7, () => ++done)).toBeUndefined()
  expect(done).toBe(0)
  expect(closed).toEqual([5])
})
