import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { VirtualClock } from '@millrace/core/testing'
import { loadNative, SO_ATTACH_FILTER, SO_DETACH_FILTER, type SystemCalls } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { letIn } from './admission-filter.ts'
import { NativeSocket } from './native-socket.ts'
import { ReceiveQueues } from './receive-queues.ts'
import { Shedder } from './shedder.ts'

const { system } = loadNative()
const KIND = [1, 2]

describe.skipIf(system === undefined)('the filter of a socket (needs Linux, koffi)', () => {
  /** How many of a thousand datagrams that begin with 1, with 2 and with 4 come in. */
  async function arrived(share: number, before: readonly number[] = []): Promise<number[]> {
    const calls = system as SystemCalls
    const socket = NativeSocket.bind(calls, 0, 4, 0, '127.0.0.1')
    const queues = new ReceiveQueues(calls, { port: socket.port, ipv4: socket, ipv6: undefined })
    const sender = createSocket('udp4')
    try {
      for (const each of [...before, share]) expect(letIn(calls, socket.fd, each, KIND)).toBe(0)
      sender.connect(socket.port, '127.0.0.1')
      await once(sender, 'connect')
      const counts = [0, 0, 0, 0, 0]
      const buffer = new Uint8Array(64)
      for (let i = 0; i < 1000; i++) {
        for (const byte of [1, 2, 4]) await new Promise((sent) => sender.send(Uint8Array.of(byte, 0, 0, 0), sent))
        while (calls.recv(socket.fd, calls.addressOf(buffer), buffer.length, 0) > 0) {
          counts[buffer[0] as number] = (counts[buffer[0] as number] as number) + 1
        }
      }
      const came = [1, 2, 4].map((byte) => counts[byte] as number)
      queues.look()
      expect(queues.lost).toBe(3000 - came.reduce((a, b) => a + b))
      queues.look()
      expect([queues.lost, queues.level]).toEqual([0, 0])
      return came
    } finally {
      sender.close()
      socket.close()
    }
  }

  test('loses all, a part, or none of one kind, and none of the others', async () => {
    expect(await arrived(0)).toEqual([0, 0, 1000])
    const [ones, twos, others] = (await arrived(0.5)) as [number, number, number]
    for (const some of [ones, twos]) expect(Math.abs(some - 500)).toBeLessThan(150)
    expect(others).toBe(1000)
    expect(await arrived(1, [0.25])).toEqual([1000, 1000, 1000])
  })
})

const BUFFER = 9000

/** A shedder and the kernel's side of it: a buffer, what is lost at it, and the share of the filter, 1 for none. */
function shedderOn(clock: VirtualClock) {
  const kernel = { lost: 0xffff_fff0, waiting: 0, share: 1, changes: 0 }
  const buffers: Uint8Array[] = []
  const fake = {
    addressOf: (bytes: Uint8Array) => buffers.push(bytes) - 1,
    getsockopt: (_fd: number, _level: number, _option: number, address: number) => {
      const variables = new Uint32Array((buffers[address] as Uint8Array).buffer)
      variables.set([kernel.waiting, BUFFER])
      variables[8] = kernel.lost
      return 0
    },
    setsockopt: (_fd: number, _level: number, option: number, address: number) => {
      kernel.changes++
      if (option === SO_DETACH_FILTER) kernel.share = 1
      if (option === SO_ATTACH_FILTER) {
        const header = new DataView((buffers[address] as Uint8Array).buffer)
        const program = new DataView((buffers[Number(header.getBigUint64(8, true))] as Uint8Array).buffer)
        kernel.share = program.getUint32((KIND.length + 3) * 8 + 4, true) / 2 ** 32
      }
      return 0
    },
  } as Partial<SystemCalls> as SystemCalls
  const counts = new Uint32Array(256)
  const told = { lost: 0 }
  const shedder = new Shedder({
    system: fake,
    clock,
    pair: { port: 1, ipv4: { fd: 7 } as NativeSocket, ipv6: undefined },
    counts,
    onLost: (count) => {
      told.lost += count
    },
  })
  /** So many come a millisecond, and so many can be dealt with. Returns how many were, and how many found no room. */
  const run = (milliseconds: number, come: number, capacity: number): { served: number; overflow: number } => {
    let [served, overflow, admitted] = [0, 0, 0]
    for (let i = 0; i < milliseconds; i++) {
      admitted += come * kernel.share
      const whole = Math.floor(admitted)
      admitted -= whole
      const found = Math.min(whole, BUFFER - kernel.waiting)
      overflow += whole - found
      kernel.lost = (kernel.lost + come - found) >>> 0
      const now = Math.min(kernel.waiting + found, capacity)
      kernel.waiting += found - now
      served += now
      counts[1] = (counts[1] as number) + now
      clock.advance(1)
    }
    return { served, overflow }
  }
  return { shedder, kernel, told, run }
}

describe('what is let in', () => {
  test.each([
    [40, 35],
    [150, 35],
    [1000, 35],
    [150, 5],
    [5000, 10],
  ])('of %i a millisecond is what can be dealt with, %i, and the buffer has room for others', (come, capacity) => {
    const clock = new VirtualClock()
    const { shedder, kernel, run } = shedderOn(clock)
    const overload = (milliseconds: number) => {
      let [served, overflow] = [0, 0]
      for (let i = 0; i < milliseconds; i += 100) {
        shedder.overloaded(KIND)
        const round = run(100, come, capacity)
        served += round.served
        overflow += round.overflow
      }
      return { served, overflow }
    }
    overload(1000)
    const { served, overflow } = overload(5000)
    expect(served).toBeGreaterThan(0.6 * capacity * 5000)
    expect(overflow).toBe(0)
    clock.advance(10_000)
    expect(kernel.share).toBe(1)
    shedder.stop()
  })

  test('is all when nobody says that it is too much, and when the buffer has room', () => {
    const clock = new VirtualClock()
    const { shedder, kernel, run } = shedderOn(clock)
    run(100, 50, 10)
    run(500, 0, 10)
    shedder.overloaded(KIND)
    run(1000, 50, 50)
    expect(kernel.changes).toBe(0)
    shedder.stop()
  })

  test('is at least 1,000 a second, as it may be others who fill the buffer', () => {
    const clock = new VirtualClock()
    const { shedder, kernel, run } = shedderOn(clock)
    shedder.overloaded(KIND)
    kernel.waiting = BUFFER / 2
    run(1000, 1, 1)
    expect(kernel.changes).toBe(0)
    shedder.stop()
  })

  test('is what the kernel has not lost, and that is told, also where its counter begins again', () => {
    const clock = new VirtualClock()
    const { shedder, kernel, told, run } = shedderOn(clock)
    const before = kernel.lost
    shedder.overloaded(KIND)
    run(200, 150, 35)
    expect(kernel.lost).toBeLessThan(before)
    shedder.stop()
    expect(told.lost).toBe(kernel.lost + 2 ** 32)
    const { lost } = told
    kernel.lost++
    shedder.stop()
    expect(told.lost).toBe(lost)
  })

  test('is not changed after a stop', () => {
    const clock = new VirtualClock()
    const { shedder, kernel, run } = shedderOn(clock)
    shedder.overloaded(KIND)
    shedder.stop()
    shedder.overloaded(KIND)
    run(500, 150, 10)
    expect(kernel.changes).toBe(0)
  })
})
