import { LocalAddress, SocketAddress } from '@millrace/core'
import { Errno, loadNative } from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { UdpEnd, until } from '../test-support/udp-end.ts'
import { type Outgoing, WatchedSystem } from '../test-support/watched-system.ts'

const open: UdpEnd[] = []
const bytes = Uint8Array.from({ length: 1000 }, (_, i) => Math.floor(i / 100))
const inOrder = Array.from({ length: 10 }, (_, i) => `100 of ${i}`)

async function start(system?: WatchedSystem): Promise<UdpEnd> {
  const end = await UdpEnd.open({ native: true }, system === undefined ? {} : { runtime: system.runtime })
  open.push(end)
  return end
}

afterEach(async () => {
  vi.restoreAllMocks()
  for (const end of open.splice(0)) await end.stop()
})

/** Sends up to the first message that is refused; that one, if it is the first. */
const refusing =
  (refused: (message: Outgoing) => boolean, errno: number) =>
  (messages: readonly Outgoing[]): number => {
    const first = messages.findIndex(refused)
    if (first === 0) return -errno
    return first < 0 ? messages.length : first
  }
const isTrain = ({ segment }: Outgoing): boolean => segment > 0

async function textsAt(end: UdpEnd, count: number): Promise<string[]> {
  return (await end.take(count)).map(({ bytes }) => `${bytes.length} of ${bytes[0]}`)
}

describe.skipIf(loadNative().system === undefined)('trains that are refused (needs Linux, koffi)', () => {
  test('EIO: the datagrams go one by one, and no train is tried again at that socket', async () => {
    const system = new WatchedSystem()
    system.judge = refusing(isTrain, Errno.EIO)
    const [a, b] = [await start(system), await start()]
    for (const trains of [1, 0, 0]) {
      system.calls.length = 0
      a.send(b.address('127.0.0.1'), bytes, undefined, 100)
      expect(await textsAt(b, 10)).toEqual(inOrder)
      expect(system.calls.flat().filter(isTrain)).toHaveLength(trains)
      expect(system.calls).toHaveLength(trains === 1 ? 11 : 1)
    }
    // The other socket has not been refused anything.
    system.judge = (messages) => messages.length
    a.send(b.address('::1'), bytes, undefined, 100)
    expect(await textsAt(b, 10)).toEqual(inOrder)
    expect(system.calls.at(-1)).toMatchObject([{ size: 1000, segment: 100 }])
    expect(a.running.drops()).toEqual([])
  })

  test.each([Errno.EINVAL, Errno.EMSGSIZE])(
    'errno %i: the datagrams go one by one, and trains of that size there no more',
    async (errno) => {
      const system = new WatchedSystem()
      system.judge = refusing(isTrain, errno)
      const [a, b] = [await start(system), await start()]
      const far = b.address('127.0.0.1')
      const send = async (remote: SocketAddress, segment: number, count: number): Promise<Outgoing[]> => {
        system.calls.length = 0
        a.send(remote, bytes, undefined, segment)
        expect(await b.take(count)).toHaveLength(count)
        return system.calls.flat()
      }
      expect((await send(far, 100, 10)).filter(isTrain)).toHaveLength(1)
      expect((await send(far, 100, 10)).filter(isTrain)).toHaveLength(0)
      system.judge = (messages) => messages.length
      expect((await send(far, 99, 11)).filter(isTrain)).toHaveLength(1)
      expect((await send(b.address('127.0.0.2'), 100, 10)).filter(isTrain)).toHaveLength(1)
      expect(a.running.drops()).toEqual([])
    },
  )

  test('a source of no use is what a train goes without, and stays a train', async () => {
    const system = new WatchedSystem()
    const [a, b] = [await start(system), await start()]
    const local = new LocalAddress(4, '192.0.2.99', 0)
    a.send(b.address('127.0.0.1'), bytes, local, 100)
    expect(await textsAt(b, 10)).toEqual(inOrder)
    expect(local.usable).toBe(false)
    expect(system.calls.flat()).toEqual([
      { size: 1000, segment: 100, hasSource: true },
      { size: 1000, segment: 100, hasSource: false },
    ])
    expect(a.running.drops()).toEqual([])
  })

  test('a source that is not to blame goes with each of the datagrams', async () => {
    const system = new WatchedSystem()
    system.judge = refusing(isTrain, Errno.EINVAL)
    const [a, b] = [await start(system), await start()]
    const local = new LocalAddress(4, '127.0.0.9', 0)
    a.send(b.address('127.0.0.1'), bytes, local, 100)
    const arrivals = await b.take(10)
    expect(arrivals.map(({ remote }) => remote.address)).toEqual(Array(10).fill('127.0.0.9'))
    expect(local.usable).toBe(true)
  })

  test('what is refused however it goes is dropped by name, each datagram of it', async () => {
    for (const [errno, reason] of [
      [Errno.EAGAIN, 'send-queue-full'],
      [Errno.ENOBUFS, 'send-queue-full'],
      [Errno.EPERM, 'send-refused'],
      [Errno.EHOSTUNREACH, 'unreachable'],
      [Errno.EMSGSIZE, 'datagram-too-large'],
      [Errno.EIO, 'send-failed'],
      [0, 'send-failed'],
    ] as const) {
      const system = new WatchedSystem()
      system.judge = () => -errno
      const a = await start(system)
      a.send(new SocketAddress(4, '127.0.0.1', 9), bytes, undefined, 100)
      expect(a.running.drops().map((drop) => [drop.reason, drop.packets])).toEqual([[reason, 10]])
    }
  })

  test('a call that sends only some of its messages is followed by another', async () => {
    const system = new WatchedSystem()
    system.judge = () => 3
    const [a, b] = [await start(system), await start()]
    const departures = Array.from({ length: 100 }, (_, i) => ({
      remote: b.address(i % 2 === 0 ? '127.0.0.1' : '127.0.0.2'),
      payload: new Uint8Array(i + 1).fill(i),
    }))
    a.sendBatch(departures)
    expect(await textsAt(b, 100)).toEqual(Array.from({ length: 100 }, (_, i) => `${i + 1} of ${i}`))
    // 64 messages, then 36, three at a time.
    expect(system.calls.map(({ length }) => length)).toEqual([
      ...Array.from({ length: 22 }, (_, i) => 64 - 3 * i),
      ...Array.from({ length: 12 }, (_, i) => 36 - 3 * i),
    ])
  })

  test('one message that fails does not keep the others', async () => {
    const system = new WatchedSystem()
    system.judge = refusing(({ size }) => size >= 500, Errno.EHOSTUNREACH)
    const [a, b] = [await start(system), await start()]
    const remote = b.address('127.0.0.1')
    const lost = { remote: b.address('127.0.0.2'), payload: new Uint8Array(500), segmentSize: 50 }
    const sent = (payload: string) => ({ remote, payload })
    a.sendBatch([lost, sent('one'), lost, lost, sent('two'), lost])
    expect((await b.take(2)).map(({ text }) => text)).toEqual(['one', 'two'])
    expect(a.dropped('unreachable')).toBe(40)
  })

  test('a kernel without UDP_SEGMENT is not asked for trains', async () => {
    const real = nativeSystem()
    const UDP_SEGMENT = 103
    const system = new WatchedSystem({
      setsockopt: (fd, level, option, ...value) =>
        level === 17 && option === UDP_SEGMENT ? -92 : real.setsockopt(fd, level, option, ...value),
    })
    const [a, b] = [await start(system), await start()]
    a.send(b.address('127.0.0.1'), bytes, undefined, 100)
    expect(await textsAt(b, 10)).toEqual(inOrder)
    expect(system.calls.flat().some(isTrain)).toBe(false)
  })

  test('what the kernel says of a message may be nonsense', async () => {
    const real = nativeSystem()
    let [lies, told] = [0, 0]
    const system = new WatchedSystem({
      recvmmsg: (fd, address, count, flags) => {
        const result = real.recvmmsg(fd, address, count, flags)
        if (result <= 0 || told >= 3) return result
        const header = system.view(address)
        lies++
        told++
        if (told === 1) header.setUint32(56, 0xffff_ffff, true)
        else if (told === 2) header.setUint32(40, 0xffff_ffff, true)
        else system.view(Number(header.getBigUint64(32, true))).setUint32(0, 0xffff_ffff, true)
        return result
      },
    })
    const [a, b] = [await start(), await start(system)]
    for (let i = 0; i < 4; i++) {
      a.send(b.address('127.0.0.1'), 'x')
      const [arrival] = await b.take(1)
      expect(arrival?.bytes.length).toBe(i === 0 ? 65_535 : 1)
    }
    expect(lies).toBe(3)
    await until(() => b.running.pool.inUse === 0)
    expect(b.running.pool.inUse).toBe(0)
  })
})
