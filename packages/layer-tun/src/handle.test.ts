import { existsSync } from 'node:fs'
import { Errno, O_CLOEXEC, O_RDWR, RouteNetlink, type SystemCalls } from '@millrace/native'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
} from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TunHandle } from './handle.ts'

const runnable = existsSync('/dev/net/tun') && canEnterNetworkNamespace()

describe.skipIf(!runnable)('a handle on a TUN device (needs root, koffi, /dev/net/tun)', () => {
  const system = nativeSystem()
  const forbidden: SystemCalls = { ...system, setns: () => -Errno.EPERM }
  let namespace: NetworkNamespace
  let netlink: RouteNetlink
  beforeAll(() => {
    namespace = enterNetworkNamespace()
    netlink = new RouteNetlink(system)
  })
  afterAll(() => namespace.leave())

  const indexOf = (name: string): number => netlink.linkIndex(name) as number

  test('tells what the interface is, under whatever name, until it is gone', () => {
    const handle = TunHandle.create(system, 'watch%d')
    expect(handle.link()).toEqual({ up: false, mtu: 1500 })
    netlink.changeLink(indexOf('watch0'), { up: true, mtu: 34_736 })
    expect(handle.link()).toEqual({ up: true, mtu: 34_736 })
    netlink.deleteLink(indexOf('watch0'))
    expect(handle.link()).toBeUndefined()
    handle.close()
  })

  test('tells it of an interface in another network namespace', () => {
    const handle = TunHandle.create(system, 'moved')
    netlink.changeLink(indexOf('moved'), { up: true, mtu: 1280 })
    const inner = enterNetworkNamespace()
    expect(netlink.linkIndex('moved')).toBeUndefined()
    expect(handle.link()).toEqual({ up: true, mtu: 1280 })
    inner.leave()
    netlink.changeLink(indexOf('moved'), { up: false })
    const other = enterNetworkNamespace()
    expect(handle.link()).toEqual({ up: false, mtu: 1280 })
    // Another of the same name is another.
    const namesake = TunHandle.create(system, 'moved')
    netlink.changeLink(indexOf('moved'), { up: true })
    expect(handle.link()?.up).toBe(false)
    namesake.close()
    other.leave()
    handle.close()
  })

  test('where it may not go there it still knows up, down and gone', () => {
    const handle = TunHandle.create(system, 'asked')
    const given = TunHandle.adopt(forbidden, handle.fd)
    expect(given.interfaceName).toBe('asked')
    expect(given.link()).toEqual({ up: false, mtu: 1500 })
    const elsewhere = (): unknown => {
      const inner = enterNetworkNamespace()
      const link = given.link()
      inner.leave()
      return link
    }
    expect(elsewhere()).toEqual({ up: false, mtu: undefined })
    netlink.changeLink(indexOf('asked'), { up: true })
    expect(elsewhere()).toEqual({ up: true, mtu: undefined })
    netlink.deleteLink(indexOf('asked'))
    expect(elsewhere()).toBeUndefined()
    handle.close()
  })

  test('adopts nothing but a TUN', () => {
    const other = system.open('/dev/null', O_RDWR | O_CLOEXEC)
    expect(() => TunHandle.adopt(system, other)).toThrow(/^tun fd: descriptor \d+ is no TUN device \(ENOTTY\)$/)
    system.close(other)
    expect(() => TunHandle.adopt(system, other)).toThrow('(EBADF)')
    // IFF_TAP and IFF_NO_PI.
    const tap = openWith(0x1002)
    expect(() => TunHandle.adopt(system, tap)).toThrow(/^tun fd: tap\d is a TAP: expected a TUN$/)
    system.close(tap)
  })

  test('adopts one with headers, of whatever size they were', () => {
    // IFF_TUN, IFF_NO_PI, IFF_VNET_HDR.
    const fd = openWith(0x5001)
    expect(ioctl(fd, TUNSETVNETHDRSZ, 12)).toBe(12)
    expect(TunHandle.adopt(system, fd).hasHeader).toBe(true)
    expect(ioctl(fd, TUNGETVNETHDRSZ)).toBe(10)
    const stubborn: SystemCalls = {
      ...system,
      ioctl: (...call) => (call[1] === TUNSETVNETHDRSZ ? -Errno.EINVAL : system.ioctl(...call)),
    }
    expect(() => TunHandle.adopt(stubborn, fd)).toThrow(/^tun fd: cannot set the header size of tun\d \(EINVAL\)$/)
    system.close(fd)
  })

  test('creates one with headers, or without where that is wanted or all there is', () => {
    const withHeader = TunHandle.create(system, 'head%d')
    expect([withHeader.hasHeader, ioctl(withHeader.fd, TUNGETVNETHDRSZ)]).toEqual([true, 10])
    const without = TunHandle.create(system, 'head%d', false)
    const old: SystemCalls = {
      ...system,
      ioctl: (fd, request, address) =>
        request === TUNSETIFF && (flagsAsked() & 0x4000) !== 0 ? -Errno.EINVAL : system.ioctl(fd, request, address),
      addressOf: (buffer) => {
        asked = buffer
        return system.addressOf(buffer)
      },
    }
    const onOld = TunHandle.create(old, 'head%d')
    for (const handle of [without, onOld]) {
      expect([handle.hasHeader, TunHandle.adopt(system, handle.fd).hasHeader]).toEqual([false, false])
    }
    for (const handle of [withHeader, without, onOld]) handle.close()
  })

  let asked: Uint8Array = new Uint8Array(40)
  const flagsAsked = (): number => new DataView(asked.buffer).getUint16(16, true)

  function openWith(flags: number): number {
    const request = new Uint8Array(40)
    const fd = system.open('/dev/net/tun', O_RDWR | O_CLOEXEC)
    new DataView(request.buffer).setUint16(16, flags, true)
    expect(system.ioctl(fd, TUNSETIFF, system.addressOf(request))).toBe(0)
    return fd
  }

  function ioctl(fd: number, request: number, value = 0): number {
    const int = Uint8Array.of(value, 0, 0, 0)
    expect(system.ioctl(fd, request, system.addressOf(int))).toBe(0)
    return int[0] as number
  }
})

// linux/if_tun.h
const TUNSETIFF = 0x400454ca
const TUNGETVNETHDRSZ = 0x800454d7
const TUNSETVNETHDRSZ = 0x400454d8

/** Calls that fail as the given ones do, and succeed otherwise. */
function failing(results: Partial<Record<keyof SystemCalls, number>>): SystemCalls & { readonly closed: number[] } {
  const closed: number[] = []
  const calls: Partial<SystemCalls> = {
    addressOf: () => 0,
    open: () => results.open ?? 5,
    ioctl: () => results.ioctl ?? 0,
    close: (fd) => closed.push(fd),
  }
  return { ...(calls as SystemCalls), closed }
}

test.each([
  [{ open: -Errno.ENOENT }, "tun: there is no /dev/net/tun; load the kernel's module (modprobe tun)"],
  [{ open: -Errno.ENODEV }, 'tun: there is no /dev/net/tun'],
  [{ open: -Errno.EACCES }, 'tun: needs root (CAP_NET_ADMIN) to create a TUN device'],
  [{ open: -Errno.ENOMEM }, 'tun: cannot open /dev/net/tun (ENOMEM)'],
  [{ ioctl: -Errno.EPERM }, 'tun: needs root (CAP_NET_ADMIN) to create a TUN device'],
  [{ ioctl: -Errno.EBUSY }, 'tun: there is an interface named tun9 already'],
  [{ ioctl: -Errno.ENOMEM }, 'tun: cannot create the interface tun9 (ENOMEM)'],
  [{ ioctl: -Errno.EINVAL }, 'tun: cannot create the interface tun9 (EINVAL)'],
])('creation refused by %j is one sentence', (results, message) => {
  const system = failing(results)
  const create = () => TunHandle.create(system, 'tun9')
  expect(create).toThrow(expect.objectContaining({ name: 'EnvironmentError' }))
  expect(create).toThrow(message)
  expect(system.closed).toEqual('ioctl' in results ? [5, 5] : [])
})
