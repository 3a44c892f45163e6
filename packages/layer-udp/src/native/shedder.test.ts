import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { VirtualClock } from '@millrace/core/testing'
import { loadNative, SO_ATTACH_FILTER, SO_DETACH_FILTER, type SystemCalls } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { letIn } from './admission-filter.ts'
import { KernelLosses } from './kernel-losses.ts'
import { NativeSocket } from './native-socket.ts'
import { Shedder } from './shedder.ts'

const { system } = loadNative()
const KIND = [1, 2]

describe.skipIf(system === undefined)('the filter of a socket (needs Linux, koffi)', () => {
  /** How many of a thousand datagrams that begin with 1, with 2 and with 4 come in. */
  async function arrived(share: number, before: readonly number[] = []): Promise<number[]> {
    const calls = system as SystemCalls
    const socket = NativeSocket.bind(calls, 0, 4, 0, '127.0.0.1')
    const losses = new KernelLosses(calls, { port: socket.port, ipv4: socket, ipv6: undefined })
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
      expect(losses.take()).toBe(3000 - came.reduce((a, b) => a + b))
      expect(losses.take()).toBe(0)
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

/** A shedder whose system keeps what it is told: the shares that were set, 1 for none. */
function shedderOn(clock: VirtualClock) {
  const shares: number[] = []
  const buffers: Uint8Array[] = []
  const fake = {
    addressOf: (bytes: Uint8Array) => buffers.push(bytes) - 1,
    getsockopt: (_fd: number, _level: number, _option: number, address: number) => {
      new Uint32Array((buffers[address] as Uint8Array).buffer)[8] = kernel.lost
      return 0
    },
    setsockopt: (_fd: number, _level: number, option: number, address: number) => {
      if (option === SO_DETACH_FILTER) shares.push(1)
      if (option === SO_ATTACH_FILTER) {
        const header = new DataView((buffers[address] as Uint8Array).buffer)
        const program = new DataView((buffers[Number(header.getBigUint64(8, true))] as Uint8Array).buffer)
        shares.push(program.getUint32((KIND.length + 3) * 8 + 4, true) / 2 ** 32)
      }
      return 0
    },
  } as Partial<SystemCalls> as SystemCalls
  const kernel = { lost: 0xffff_fff0 }
  const counts = new Uint32Array(256)
  const ipv4 = { fd: 7 } as NativeSocket
  let lost = 0
  const shedder = new Shedder({
    system: fake,
    clock,
    pair: { port: 1, ipv4, ipv6: undefined },
    counts,
    onLost: (count) => {
      lost += count
    },
  })
  const run = (milliseconds: number, perMillisecond: number, more: boolean): void => {
    for (let i = 0; i < milliseconds; i++) {
      counts[1] = (counts[1] as number) + perMillisecond
      shedder.round(more)
      clock.advance(1)
    }
  }
  return { shedder, shares, run, kernel, lost: () => lost }
}

describe('what is let in', () => {
  test('is cut while the sockets are never empty, and grows again to all, without a filter', () => {
    const clock = new VirtualClock()
    const { shedder, shares, run } = shedderOn(clock)
    shedder.overloaded(KIND)
    run(41, 50, true)
    expect(shares).toEqual([1 / 4, 1 / 16])
    run(1000, 5, false)
    expect(shares.at(-1)).toBe(1)
    expect(shares.slice(1)).toEqual(shares.slice(1).toSorted((a, b) => a - b))
    shedder.stop()
  })

  test('is all when nobody says that it is too much, when they are few, or when the sockets are empty between', () => {
    const clock = new VirtualClock()
    const { shedder, shares, run } = shedderOn(clock)
    run(100, 50, true)
    shedder.overloaded(KIND)
    run(100, 0, true)
    run(100, 50, false)
    expect(shares).toEqual([])
    shedder.stop()
  })

  test('is all again some time after the last word of it, even if nothing comes any more', () => {
    const clock = new VirtualClock()
    const { shedder, shares, run } = shedderOn(clock)
    shedder.overloaded(KIND)
    run(200, 50, true)
    expect(shares.at(-1)).toBe(1 / 1024)
    clock.advance(3000)
    expect(shares.at(-1)).toBe(1)
    const { length } = shares
    clock.advance(10_000)
    expect(shares).toHaveLength(length)
  })

  test('is what the kernel has not lost, and that is counted, also where its counter begins again', () => {
    const clock = new VirtualClock()
    const { shedder, run, kernel, lost } = shedderOn(clock)
    const before = kernel.lost
    shedder.overloaded(KIND)
    run(21, 50, true)
    kernel.lost = 4
    run(20, 50, true)
    kernel.lost = 5
    shedder.stop()
    expect(lost()).toBe(before + 21)
    kernel.lost = 6
    shedder.stop()
    expect(lost()).toBe(before + 21)
  })

  test('is not changed after a stop', () => {
    const clock = new VirtualClock()
    const { shedder, shares, run } = shedderOn(clock)
    shedder.overloaded(KIND)
    shedder.stop()
    shedder.overloaded(KIND)
    run(200, 50, true)
    expect(shares).toEqual([])
  })
})
