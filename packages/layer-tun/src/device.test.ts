import { existsSync } from 'node:fs'
import { PacketPool, type PooledPacket } from '@millrace/core'
import { Errno, RouteNetlink, type SystemCalls } from '@millrace/native'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
  PacketSocket,
} from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TunDevice } from './device.ts'
import { TunHandle } from './handle.ts'

const pool = new PacketPool({ slots: 8, jumboSlots: 2 })

/** An IPv4 packet of 40 bytes, protocol 253, and nothing in it. */
function fresh(): PooledPacket {
  const packet = pool.acquire(40) as PooledPacket
  packet.memory.fill(0, packet.offset, packet.offset + 40)
  packet.memory.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 253], packet.offset)
  packet.length = 40
  return packet
}

/** Calls that fail as the given ones do, and succeed otherwise. */
function failing(results: Partial<Record<keyof SystemCalls, number>>): SystemCalls & { readonly closed: number[] } {
  const closed: number[] = []
  const call = (name: keyof SystemCalls) => (): number => results[name] ?? 0
  const calls: Partial<SystemCalls> = {
    addressOf: () => 0,
    open: () => results.open ?? 5,
    ioctl: call('ioctl'),
    read: call('read'),
    write: call('write'),
    close: (fd) => closed.push(fd),
  }
  return { ...(calls as SystemCalls), closed }
}

describe('errors of the kernel', () => {
  test.each([
    [{ open: -Errno.ENOENT }, "tun: there is no /dev/net/tun; load the kernel's module (modprobe tun)"],
    [{ open: -Errno.ENODEV }, 'tun: there is no /dev/net/tun'],
    [{ open: -Errno.EACCES }, 'tun: needs root (CAP_NET_ADMIN) to create a TUN device'],
    [{ open: -Errno.ENOMEM }, 'tun: cannot open /dev/net/tun (ENOMEM)'],
    [{ ioctl: -Errno.EPERM }, 'tun: needs root (CAP_NET_ADMIN) to create a TUN device'],
    [{ ioctl: -Errno.EBUSY }, 'tun: there is an interface named tun9 already'],
    [{ ioctl: -Errno.ENOMEM }, 'tun: cannot create the interface tun9 (ENOMEM)'],
  ])('%j is one sentence', (results, message) => {
    const system = failing(results)
    const create = () => TunHandle.create(system, 'tun9')
    expect(create).toThrow(expect.objectContaining({ name: 'EnvironmentError' }))
    expect(create).toThrow(message)
    expect(system.closed).toEqual('ioctl' in results ? [5, 5] : [])
  })

  test.each([
    [Errno.EAGAIN, 'tun-queue-full'],
    [Errno.ENOBUFS, 'tun-queue-full'],
    [Errno.ENOMEM, 'tun-queue-full'],
    [Errno.EINVAL, 'tun-refused'],
    [Errno.EIO, 'tun-down'],
    [Errno.EBADFD, 'tun-gone'],
    [Errno.EPERM, 'tun-write-failed'],
  ])('errno %i of a write is the drop %s', (errno, reason) => {
    const packet = fresh()
    expect(new TunDevice(failing({ write: -errno }), pool, 5).write(packet)).toBe(reason)
    packet.release()
  })

  test('a packet that has left its slot is not shown to the kernel', () => {
    let written = 0
    const system: SystemCalls = { ...failing({}), write: () => ++written }
    const device = new TunDevice(system, pool, 5)
    const packet = fresh()
    const { offset } = packet
    expect(device.write(packet)).toBeUndefined()
    for (const [at, length] of [
      [packet.slotStart - 1, 40],
      [packet.slotEnd - 39, 40],
      [offset, 1 << 20],
      [offset, 0],
      [offset, -1],
      [Number.NaN, 40],
      [offset, Number.NaN],
    ] as const) {
      packet.offset = at
      packet.length = length
      expect(device.write(packet), `${at} ${length}`).toBe('packet-out-of-bounds')
    }
    packet.offset = offset
    packet.length = 40
    expect(device.write(new PacketPool({ slots: 1 }).acquire(40) as PooledPacket)).toBe('packet-out-of-bounds')
    packet.segmentSize = 20
    expect(device.write(packet)).toBe('super-packet-unsupported')
    expect(written).toBe(1)
    packet.release()
  })
})

const runnable = existsSync('/dev/net/tun') && canEnterNetworkNamespace()

describe.skipIf(!runnable)('a real device (needs root, koffi, /dev/net/tun)', () => {
  let namespace: NetworkNamespace
  beforeAll(() => {
    namespace = enterNetworkNamespace()
  })
  afterAll(() => namespace.leave())

  test('the kernel names the drops: not IP, down, gone', () => {
    const netlink = new RouteNetlink(nativeSystem())
    const handle = TunHandle.create(nativeSystem(), 'real%d')
    const device = new TunDevice(nativeSystem(), pool, handle.fd)
    expect(handle.interfaceName).toBe('real0')
    const index = netlink.linkIndex('real0') as number
    const packet = fresh()
    expect(device.write(packet)).toBe('tun-down')
    netlink.changeLink(index, { up: true })
    expect(device.write(packet)).toBeUndefined()
    packet.memory[packet.offset] = 0x15
    expect(device.write(packet)).toBe('tun-refused')
    netlink.deleteLink(index)
    expect(device.write(packet)).toBe('tun-gone')
    expect(device.read(packet)).toBe(-Errno.EBADFD)
    packet.release()
    handle.close()
  })

  test('a packet larger than expected is put together in a larger slot', () => {
    const netlink = new RouteNetlink(nativeSystem())
    const handle = TunHandle.create(nativeSystem(), 'real%d')
    const device = new TunDevice(nativeSystem(), pool, handle.fd)
    const index = netlink.linkIndex(handle.interfaceName) as number
    netlink.changeLink(index, { mtu: 9000, ipv6AddressGeneration: 'none' })
    netlink.changeLink(index, { up: true })
    const outside = new PacketSocket(nativeSystem(), index)
    const bytes = Uint8Array.from({ length: 9000 }, (_, i) => (i === 0 ? 0x45 : i % 251))
    outside.send(bytes)
    const small = fresh()
    expect(device.read(small)).toBe(9000)
    expect(small.length).toBeLessThan(9000)
    const large = pool.acquire(9000) as PooledPacket
    device.moveTo(large, small, 9000)
    expect(large.bytes()).toEqual(bytes)
    outside.close()
    small.release()
    large.release()
    handle.close()
  })

  test('reads a packet to where it is to lie, and nothing beside it', () => {
    const netlink = new RouteNetlink(nativeSystem())
    const handle = TunHandle.create(nativeSystem(), 'real%d')
    const device = new TunDevice(nativeSystem(), pool, handle.fd)
    const index = netlink.linkIndex(handle.interfaceName) as number
    netlink.changeLink(index, { up: true, ipv6AddressGeneration: 'none' })
    const packet = fresh()
    expect(device.read(packet)).toBe(-Errno.EAGAIN)
    expect(packet.length).toBe(0)
    const outside = new PacketSocket(nativeSystem(), index)
    const bytes = new Uint8Array(100).fill(0xcc)
    bytes[0] = 0x45
    outside.send(bytes)
    packet.memory.fill(0xaa)
    expect(device.read(packet)).toBe(100)
    expect(packet.bytes()).toEqual(bytes)
    expect(packet.memory.findIndex((byte) => byte !== 0xaa)).toBe(packet.offset)
    expect(packet.memory.findLastIndex((byte) => byte !== 0xaa)).toBe(packet.offset + 99)
    outside.send(bytes)
    expect(device.discard()).toBe(100)
    expect(device.discard()).toBe(-Errno.EAGAIN)
    outside.close()
    packet.release()
    handle.close()
    expect(netlink.linkIndex('real0')).toBeUndefined()
  })
})
