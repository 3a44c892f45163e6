import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { EFD_CLOEXEC, EFD_NONBLOCK, POLLIN, POLLNVAL } from './linux.ts'
import { loadNative } from './load.ts'
import { Readiness } from './readiness.ts'
import type { SystemCalls } from './system-calls.ts'

const { system } = loadNative()
const calls = system as SystemCalls
const waits = (readiness: Readiness): Promise<number> => new Promise((resolve) => readiness.wait(resolve))

describe.skipIf(system === undefined)('a wait (needs Linux and koffi)', () => {
  describe.each([
    ['in the event loop', (): SystemCalls => calls],
    ['on a thread', (): SystemCalls => ({ ...calls, eventLoop: undefined })],
  ])('%s', (_way, machine) => {
    const eventfd = (count = 0): number => calls.eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK)

    test('ends when one of several can be read, as often as it is begun', async () => {
      const [quiet, fd] = [eventfd(), eventfd(1)]
      const readiness = new Readiness(machine(), quiet, fd)
      for (let i = 0; i < 100; i++) {
        const wait = waits(readiness)
        expect(readiness.waiting).toBe(true)
        expect(await wait).toBe(POLLIN)
        expect(readiness.waiting).toBe(false)
      }
      readiness.close()
      for (const open of [quiet, fd]) calls.close(open)
    })

    test('tells which of several it was', async () => {
      const one = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
      const descriptors = Array.from({ length: 32 }, () => eventfd())
      const readiness = new Readiness(machine(), ...descriptors)
      for (const ready of [[0], [1], [31], [0, 31], [3, 4, 5]]) {
        for (const i of ready) calls.write(descriptors[i] as number, calls.addressOf(one), 8)
        expect(await waits(readiness)).toBe(POLLIN)
        expect(descriptors.flatMap((_, i) => (readiness.wasReady(i) ? [i] : []))).toEqual(ready)
        for (const i of ready) calls.read(descriptors[i] as number, calls.addressOf(one), 8)
      }
      readiness.close()
      for (const fd of descriptors) calls.close(fd)
    })

    test('begun before there is anything ends when there is', async () => {
      const fd = eventfd()
      const readiness = new Readiness(machine(), fd)
      const wait = waits(readiness)
      const one = new Uint8Array(8)
      one[0] = 1
      setTimeout(() => calls.write(fd, calls.addressOf(one), 8), 1)
      expect(await wait).toBe(POLLIN)
      readiness.close()
      calls.close(fd)
    })

    test('that is woken ends with nothing', async () => {
      const fd = eventfd()
      const readiness = new Readiness(machine(), fd)
      const wait = waits(readiness)
      readiness.wake()
      expect(await wait).toBe(0)
      readiness.close()
      calls.close(fd)
    })

    test('for a descriptor that is none says so', async () => {
      // A number far above what any process may open.
      const none = new Readiness(machine(), 0x7fff_fff0)
      expect(await waits(none)).toBe(POLLNVAL)
      none.close()
    })

    test('leaves the event loop to others', async () => {
      const fd = eventfd()
      const readiness = new Readiness(machine(), fd)
      const wait = waits(readiness)
      for (let turns = 0; turns < 1000; turns++) await new Promise((resolve) => setImmediate(resolve))
      expect(readiness.waiting).toBe(true)
      readiness.wake()
      await wait
      readiness.close()
      calls.close(fd)
    })
  })

  test('on a thread comes back by itself: a process that exits is not held up for long', async () => {
    const fd = calls.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    const readiness = new Readiness({ ...calls, eventLoop: undefined }, fd)
    expect(await waits(readiness)).toBe(0)
    readiness.close()
    calls.close(fd)
  })

  test('that is under way neither holds up nor breaks a process that exits', async () => {
    const script = `
      const { loadNative, Readiness } = await import('@millrace/native')
      const calls = loadNative().system
      const wait = () => { const r = new Readiness(calls, calls.eventfd(1, 0o4000)); const again = () => r.wait(again); again() }
      for (let i = 0; i < 20; i++) wait()
      setTimeout(() => process.exit(7), 50)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
      stdio: 'inherit',
    })
    expect(await once(child, 'exit')).toEqual([7, null])
  })
})
