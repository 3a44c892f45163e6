import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { AF_INET, loadNative, SOL_UDP, type SystemCalls, UDP_SEGMENT } from '@millrace/native'
import { describe, expect, test } from 'vitest'
import { letIn } from './admission-filter.ts'
import type { Aggregate } from './aggregates.ts'
import { NativeSocket } from './native-socket.ts'
import { ReceiveQueues } from './receive-queues.ts'

const { system } = loadNative()
const KIND = [1, 2]
const SEGMENT = 148
const ANY: Aggregate = { family: 4, high: 0, low: 0, length: 0 }
const ANY_IPV6: Aggregate = { family: 6, high: 0, low: 0, length: 0 }

interface Sent {
  readonly family: 4 | 6
  /** Of each kind. */
  readonly count: number
}

describe.skipIf(system === undefined)('the filter of a socket (needs Linux, koffi)', () => {
  /** How many of so many datagrams that begin with 1, with 2 and with 4 come in, when these parts are let in in turn. */
  async function arrived(shares: readonly number[], from: readonly Aggregate[], sent: Sent): Promise<number[]> {
    const calls = system as SystemCalls
    const { family, count } = sent
    const address = family === 4 ? '127.0.0.1' : '::1'
    const socket = NativeSocket.bind(calls, 0, family, 0, address)
    const sockets = { ipv4: undefined, ipv6: undefined, [`ipv${family}`]: socket }
    const queues = new ReceiveQueues(calls, { port: socket.port, ...sockets })
    const sender = createSocket(`udp${family}`)
    try {
      for (const share of shares) expect(letIn(calls, socket, { share, firstBytes: KIND, from })).toBe(0)
      sender.connect(socket.port, address)
      await once(sender, 'connect')
      const counts = [0, 0, 0, 0, 0]
      const buffer = new Uint8Array(64)
      for (let i = 0; i < count; i++) {
        for (const byte of [1, 2, 4]) await new Promise((done) => sender.send(Uint8Array.of(byte, 0, 0, 0), done))
        while (calls.recv(socket.fd, calls.addressOf(buffer), buffer.length, 0) > 0) {
          counts[buffer[0] as number] = (counts[buffer[0] as number] as number) + 1
        }
      }
      const came = [1, 2, 4].map((byte) => counts[byte] as number)
      queues.look()
      expect(queues.lost).toBe(3 * count - came.reduce((a, b) => a + b))
      queues.look()
      expect([queues.lost, queues.level]).toEqual([0, 0])
      return came
    } finally {
      sender.close()
      socket.close()
    }
  }

  test('loses all, a part, or none of one kind, and none of the others', async () => {
    const sent = { family: 4, count: 1000 } as const
    expect(await arrived([0], [ANY], sent)).toEqual([0, 0, 1000])
    const [ones, twos, others] = (await arrived([0.5], [ANY], sent)) as [number, number, number]
    for (const some of [ones, twos]) expect(Math.abs(some - 500)).toBeLessThan(150)
    expect(others).toBe(1000)
    expect(await arrived([0.25, 1], [ANY], sent)).toEqual([1000, 1000, 1000])
  })

  test('sees the first datagram of a train, and each when trains are not let in', async () => {
    const calls = system as SystemCalls
    const [socket, sender] = [0, 1].map(() => NativeSocket.bind(calls, 0, 4, 0, '127.0.0.1')) as [
      NativeSocket,
      NativeSocket,
    ]
    const value = (number: number): number => calls.addressOf(new Uint8Array(Uint32Array.of(number).buffer))
    const lengths = (): number[] => {
      const buffer = new Uint8Array(2000)
      const found: number[] = []
      for (let length = 1; length > 0; ) {
        length = calls.recv(socket.fd, calls.addressOf(buffer), buffer.length, 0)
        if (length > 0) found.push(length)
      }
      return found
    }
    try {
      socket.receiveTrains()
      expect(letIn(calls, socket, { share: 0, firstBytes: KIND, from: [ANY] })).toBe(0)
      expect(calls.setsockopt(sender.fd, SOL_UDP, UDP_SEGMENT, value(SEGMENT), 4)).toBe(0)
      const name = Uint8Array.of(AF_INET, 0, socket.port >> 8, socket.port & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
      expect(calls.connect(sender.fd, calls.addressOf(name), name.length)).toBe(0)
      const train = new Uint8Array(4 * SEGMENT)
      for (const [i, byte] of [4, 1, 2, 4].entries()) train[i * SEGMENT] = byte
      expect(calls.write(sender.fd, calls.addressOf(train), train.length)).toBe(train.length)
      expect(lengths()).toEqual([train.length])
      socket.letTrainsIn(false)
      expect(calls.write(sender.fd, calls.addressOf(train), train.length)).toBe(train.length)
      expect(lengths()).toEqual([SEGMENT, SEGMENT])
    } finally {
      socket.close()
      sender.close()
    }
  })

  const ipv4 = (high: number, length: number): Aggregate => ({ family: 4, high, low: 0, length })
  const ipv6 = (high: number, low: number, length: number): Aggregate => ({ family: 6, high, low, length })
  test.each<[string, 4 | 6, readonly Aggregate[]]>([
    ['the very address', 4, [ipv4(0x7f00_0001, 32)]],
    ['a prefix that it is in', 4, [ipv4(0x7f00_0000, 8)]],
    ['the last of eight', 4, [...Array.from({ length: 7 }, (_, i) => ipv4(i << 24, 8)), ipv4(0x7f00_0000, 9)]],
    ['::/64', 6, [ipv6(0, 0, 64)]],
    ['::/32, of both families', 6, [ipv4(0, 32), ipv6(0, 0, 32)]],
    ['::/48, behind other prefixes', 6, [ipv6(0x2001_0db8, 0, 32), ipv6(0, 1, 64), ipv6(0, 0, 48)]],
    ['everywhere', 6, [ANY, ANY_IPV6]],
  ])('loses what comes from %s', async (_, family, from) => {
    expect(await arrived([0], from, { family, count: 5 })).toEqual([0, 0, 5])
  })

  test.each<[string, 4 | 6, readonly Aggregate[]]>([
    ['nowhere', 4, []],
    ['a neighbour', 4, [ipv4(0x7f00_0000, 32)]],
    ['another network', 4, [ipv4(0x7e00_0000, 8), ipv4(0x8000_0000, 1)]],
    ['everywhere, but by IPv6', 4, [ANY_IPV6]],
    ['another /64', 6, [ipv6(0, 1, 64)]],
    ['another /32', 6, [ipv6(1, 0, 32), ipv6(0x2001_0db8, 0, 32)]],
    ['another /33', 6, [ipv6(0, 0x8000_0000, 33)]],
    ['everywhere, but by IPv4', 6, [ANY]],
  ])('lets in what does not, when a flood comes from %s', async (_, family, from) => {
    expect(await arrived([0], from, { family, count: 5 })).toEqual([5, 5, 5])
  })
})
