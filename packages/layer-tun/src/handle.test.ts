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

  test('adopts nothing but a TUN without headers', () => {
    const other = system.open('/dev/null', O_RDWR | O_CLOEXEC)
    expect(() => TunHandle.adopt(system, other)).toThrow(/^tun fd: descriptor \d+ is no TUN device \(ENOTTY\)$/)
    system.close(other)
    expect(() => TunHandle.adopt(system, other)).toThrow('(EBADF)')

    const request = new Uint8Array(40)
    // TUNSETIFF with IFF_TAP and IFF_NO_PI, with IFF_TUN, IFF_NO_PI and IFF_VNET_HDR.
    for (const flags of [0x1002, 0x5001]) {
      const fd = system.open('/dev/net/tun', O_RDWR | O_CLOEXEC)
      request.fill(0)
      new DataView(request.buffer).setUint16(16, flags, true)
      expect(system.ioctl(fd, 0x400454ca, system.addressOf(request))).toBe(0)
      expect(() => TunHandle.adopt(system, fd)).toThrow('expected a TUN without')
      system.close(fd)
    }
  })
})
