import { bind, CLOCK, runtimeWith, SocketAddress } from '@millrace/core'
import { VirtualClock } from '@millrace/core/testing'
import { Errno, loadNative, SYSTEM_CALLS, type SystemCalls } from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { UdpEnd, until } from '../test-support/udp-end.ts'

const SO_MARK = 36
const open: UdpEnd[] = []

/** An end on a system of which some calls are replaced. */
async function start(calls: Partial<SystemCalls>, options = {}): Promise<UdpEnd> {
  const runtime = runtimeWith(bind(SYSTEM_CALLS, { ...nativeSystem(), ...calls }))
  const end = await UdpEnd.open({ native: true, ...options }, { runtime })
  open.push(end)
  return end
}

afterEach(async () => {
  for (const end of open.splice(0)) await end.stop()
})

test('without system calls native sockets cannot be, and by default there are others', async () => {
  const runtime = runtimeWith(bind(SYSTEM_CALLS, undefined))
  await expect(UdpEnd.open({ native: true }, { runtime })).rejects.toThrow('udp native: needs Linux and koffi')
  const end = await UdpEnd.open({}, { runtime })
  expect([end.wire.native, end.wire.port > 0]).toEqual([false, true])
  await end.stop()
})

describe.skipIf(loadNative().system === undefined)('a system that fails (needs Linux, koffi)', () => {
  test('native sockets are the default', async () => {
    const end = await UdpEnd.open({})
    expect(end.wire.native).toBe(true)
    await end.stop()
    expect(end.wire.native).toBe(false)
  })

  test.each([
    [Errno.EAGAIN, 'send-queue-full'],
    [Errno.ENOBUFS, 'send-queue-full'],
    [Errno.EPERM, 'send-refused'],
    [Errno.EACCES, 'send-refused'],
    [Errno.ENETUNREACH, 'unreachable'],
    [Errno.EHOSTUNREACH, 'unreachable'],
    [Errno.EINVAL, 'send-failed'],
    [Errno.ECONNREFUSED, 'send-failed'],
    [Errno.EIO, 'send-failed'],
  ])('errno %i of a send is the drop %s', async (errno, reason) => {
    const end = await start({ sendmmsg: () => -errno })
    end.send(new SocketAddress(4, '127.0.0.1', 9), 'x')
    expect(end.running.drops().map((drop) => [drop.reason, drop.packets])).toEqual([[reason, 1]])
  })

  test('the privilege that a mark needs is asked for in one sentence, and nothing changes', async () => {
    const system = nativeSystem()
    const setsockopt: SystemCalls['setsockopt'] = (fd, level, option, address, size) =>
      option === SO_MARK ? -Errno.EPERM : system.setsockopt(fd, level, option, address, size)
    const end = await start({ setsockopt })
    const message = 'udp mark: needs root (CAP_NET_ADMIN); run it as root or with that capability'
    expect(() => end.control.setMark(7)).toThrow(expect.objectContaining({ name: 'EnvironmentError', message }))
    expect(end.control.mark).toBe(0)
    await expect(start({ setsockopt }, { mark: 7 })).rejects.toThrow(message)
  })

  test('without IPv6 there is IPv4; without the watch on routes nothing else is missing', async () => {
    const system = nativeSystem()
    const AF_INET = 2
    const end = await start({
      socket: (family, type, protocol) => (family === AF_INET ? system.socket(family, type, protocol) : -97),
    })
    end.send(end.address('127.0.0.3'), 'to myself')
    const [arrival] = await end.take(1)
    expect(arrival?.local?.address).toBe('127.0.0.3')
    end.send(end.address('127.0.0.1'), 'back', arrival?.local)
    expect((await end.take(1))[0]?.remote.address).toBe('127.0.0.3')
    end.send(end.address('::1'), 'x')
    expect(end.dropped('no-socket-of-family')).toBe(1)
  })

  test('errors that lie on a socket are counted, and what follows them comes in', async () => {
    const system = nativeSystem()
    let errors = 5
    const end = await start({
      recvmmsg: (...call) => (errors-- > 0 ? -Errno.ECONNREFUSED : system.recvmmsg(...call)),
    })
    end.send(end.address('127.0.0.1'), 'after all')
    expect((await end.take(1))[0]?.text).toBe('after all')
    expect(end.dropped('receive-failed')).toBe(5)
    expect(end.running.pool.inUse).toBe(0)
  })

  test('a socket that only fails does not keep us busy, and is tried again after a second', async () => {
    const system = nativeSystem()
    let [failing, calls] = [true, 0]
    const clock = new VirtualClock()
    const runtime = runtimeWith(
      bind(SYSTEM_CALLS, {
        ...system,
        recvmmsg: (...call: Parameters<SystemCalls['recvmmsg']>) => {
          calls++
          return failing ? -Errno.EIO : system.recvmmsg(...call)
        },
      }),
      bind(CLOCK, clock),
    )
    const end = await UdpEnd.open({ native: true }, { runtime })
    open.push(end)
    end.send(end.address('127.0.0.1'), 'after all')
    await until(() => calls >= 64)
    for (let turn = 0; turn < 100; turn++) await new Promise((next) => setImmediate(next))
    const before = calls
    for (let turn = 0; turn < 100; turn++) await new Promise((next) => setImmediate(next))
    expect(calls).toBe(before)
    failing = false
    clock.advance(1000)
    expect((await end.take(1))[0]?.text).toBe('after all')
  })

  test('a packet that has left its slot is not shown to the kernel', async () => {
    let sent = 0
    const end = await start({ sendmmsg: () => ++sent })
    end.tamper = (packet) => {
      packet.offset = -1
    }
    end.send(end.address('127.0.0.1'), 'x')
    end.tamper = (packet) => {
      packet.length = 100_000
    }
    end.send(end.address('127.0.0.1'), 'x')
    expect([end.dropped('packet-out-of-bounds'), sent]).toEqual([2, 0])
  })
})
