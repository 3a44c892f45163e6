import { EFD_CLOEXEC, EFD_NONBLOCK, loadNative, type SystemCalls } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import { Waiter } from './waiter.ts'

const { system } = loadNative()
const calls = system as SystemCalls
const open: number[] = []

/** An eventfd, which can be read if the count is not 0. */
function eventfd(count: number): number {
  const fd = calls.eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK)
  open.push(fd)
  return fd
}

/** Enough of the event loop for whatever is under way there to have come. */
async function turns(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
}

afterEach(() => {
  for (const fd of open.splice(0)) calls.close(fd)
})

describe.skipIf(system === undefined)('a waiter (needs Linux and koffi)', () => {
  describe.each([
    ['in the event loop', (): SystemCalls => calls],
    ['on a thread', (): SystemCalls => ({ ...calls, eventLoop: undefined })],
  ])('%s', (_way, machine) => {
    test('looks once for each wait, as often as one is begun', async () => {
      let looks = 0
      await new Promise<void>((resolve) => {
        const waiter = new Waiter(machine(), [eventfd(0), eventfd(1)], () => {
          looks++
          if (looks < 10) waiter.wait()
          else resolve(waiter.stop())
        })
        waiter.wait()
      })
      await turns()
      expect(looks).toBe(10)
    })

    test('that is stopped tells nothing more, whatever there is to be read', async () => {
      let looks = 0
      const waiter = new Waiter(machine(), [eventfd(1)], () => looks++)
      waiter.wait()
      expect(waiter.isStopping).toBe(false)
      const stopped = waiter.stop()
      expect(waiter.isStopping).toBe(true)
      await stopped
      waiter.wait()
      await turns()
      expect(looks).toBe(0)
    })

    test('stops while nothing comes, and before it has waited', async () => {
      const idle = new Waiter(machine(), [eventfd(0)], () => {})
      idle.wait()
      await idle.stop()
      await new Waiter(machine(), [eventfd(0)], () => {}).stop()
    })

    test('stopped by what it told does not wait again', async () => {
      let looks = 0
      await new Promise<void>((resolve) => {
        const waiter = new Waiter(machine(), [eventfd(1)], () => {
          looks++
          resolve(waiter.stop())
          waiter.wait()
        })
        waiter.wait()
      })
      await turns()
      expect(looks).toBe(1)
    })
  })

  test('has one wait under way at most, and keeps what it holds until that has ended', async () => {
    const order: string[] = []
    let finish: ((result: number) => void) | undefined
    const waiter = new Waiter(
      {
        ...calls,
        eventLoop: undefined,
        pollAsync: (_address, _count, _timeout, done) => {
          order.push('waits')
          finish = done
        },
        close: (fd) => {
          order.push('closed')
          return calls.close(fd)
        },
      },
      [eventfd(0)],
      () => order.push('looked'),
    )
    waiter.wait()
    waiter.wait()
    const stopped = waiter.stop().then(() => order.push('stopped'))
    await turns()
    expect(order).toEqual(['waits'])
    finish?.(0)
    await stopped
    expect(order).toEqual(['waits', 'closed', 'stopped'])
  })
})
