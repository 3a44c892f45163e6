import { describe, expect, test } from 'vitest'
import { EpollSet } from './epoll-set.ts'
import { Errno } from './errno.ts'
import { EFD_CLOEXEC, EFD_NONBLOCK, EPOLLET, EPOLLIN, EPOLLOUT, POLLIN } from './linux.ts'
import { loadNative } from './load.ts'
import { Readiness } from './readiness.ts'
import type { SystemCalls } from './system-calls.ts'

const { system } = loadNative()
const calls = system as SystemCalls
const eventfd = (count: number): number => calls.eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK)

function found(set: EpollSet): number[] {
  const count = set.look()
  return Array.from({ length: count }, (_, i) => set.at(i))
}

describe.skipIf(system === undefined)('a set of descriptors (needs Linux and koffi)', () => {
  test('tells of those that can be read, in turns if they are many, and not of those that are closed', () => {
    const set = new EpollSet(calls)
    const quiet = Array.from({ length: 50 }, () => eventfd(0))
    const ready = Array.from({ length: 100 }, () => eventfd(1))
    for (const fd of [...quiet, ...ready]) expect(set.add(fd)).toBe(0)
    const [first, second] = [found(set), found(set)]
    expect([first.length, second.length]).toEqual([64, 64])
    expect(new Set([...first, ...second])).toEqual(new Set(ready))
    for (const fd of [...quiet, ...ready.splice(1)]) calls.close(fd)
    expect(found(set)).toEqual(ready)
    for (const fd of ready) calls.close(fd)
    expect(found(set)).toEqual([])
    set.close()
  })

  test('tells what can be done, under the name that was given, and with EPOLLET once', () => {
    const set = new EpollSet(calls)
    const [full, empty] = [eventfd(1), eventfd(0)]
    expect([set.add(full, EPOLLIN | EPOLLOUT | EPOLLET, 700), set.add(empty, EPOLLOUT, 0x7fff_ffff)]).toEqual([0, 0])
    const told = (): [number, number][] => found(set).map((own, i) => [own, set.eventsAt(i)])
    expect(told()).toEqual([
      [700, EPOLLIN | EPOLLOUT],
      [0x7fff_ffff, EPOLLOUT],
    ])
    expect(told()).toEqual([[0x7fff_ffff, EPOLLOUT]])
    set.close()
    for (const fd of [full, empty]) calls.close(fd)
  })

  test('wakes who waits for all of it', async () => {
    const set = new EpollSet(calls)
    const fd = eventfd(1)
    const readiness = new Readiness(calls, set.fd)
    set.add(fd)
    expect(await new Promise((resolve) => readiness.wait(resolve))).toBe(POLLIN)
    readiness.close()
    set.close()
    calls.close(fd)
  })

  test('takes nothing that cannot be watched', () => {
    const set = new EpollSet(calls)
    expect(set.add(-1)).toBeLessThan(0)
    set.close()
    expect(() => new EpollSet({ ...calls, epollCreate: () => -Errno.EMFILE })).toThrow('EMFILE')
  })
})
