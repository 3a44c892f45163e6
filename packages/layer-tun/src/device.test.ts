import { existsSync } from 'node:fs'
import { type IpPacket, PacketPool, type PooledPacket } from '@millrace/core'
import { pooledPacket } from '@millrace/core/testing'
import { Errno, RouteNetlink } from '@millrace/native'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
  PacketSocket,
} from '@millrace/native/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TunHandle } from './handle.ts'
import { TunInput } from './input.ts'
import { TunOffload } from './offload.ts'
import { TunOutput } from './output.ts'
import { hex, ip, pattern, udp } from './test-support/packets.ts'

const runnable = existsSync('/dev/net/tun') && canEnterNetworkNamespace()

describe.skipIf(!runnable).each([
  ['with', true],
  ['without', false],
] as const)('a real device %s headers (needs root, koffi, /dev/net/tun)', (_name, header) => {
  const bytes = ip(4, udp(pattern(60)))
  let namespace: NetworkNamespace
  let netlink: RouteNetlink
  let handle: TunHandle
  let pool: PacketPool
  let packet: IpPacket
  let input: TunInput
  let output: TunOutput
  let index: number
  beforeAll(() => {
    namespace = enterNetworkNamespace()
    netlink = new RouteNetlink(nativeSystem())
  })
  afterAll(() => namespace.leave())
  beforeEach(() => {
    pool = new PacketPool({ slots: 8, jumboSlots: 2 })
    packet = pooledPacket(pool, bytes)
    const system = nativeSystem()
    handle = TunHandle.create(system, 'real%d', header)
    index = netlink.linkIndex(handle.interfaceName) as number
    const offload = new TunOffload(handle, { tcp: true, udp: true }, () => {})
    expect(offload.tcp).toBe(header)
    input = new TunInput(system, pool, handle)
    output = new TunOutput(system, pool, handle, offload, () => 'never')
  })
  afterEach(() => {
    packet.release()
    input.release()
    expect(pool.inUse).toBe(0)
    handle.close()
    expect(netlink.linkIndex('real0')).toBeUndefined()
  })

  test('the kernel names the drops: not IP, down, gone', () => {
    expect(handle.interfaceName).toBe('real0')
    expect(output.write(packet)).toBe('tun-down')
    netlink.changeLink(index, { up: true })
    expect(output.write(packet)).toBeUndefined()
    packet.memory[packet.offset] = 0x15
    expect(output.write(packet)).toBe('tun-refused')
    netlink.deleteLink(index)
    expect(output.write(packet)).toBe('tun-gone')
    input.acquire()
    expect(input.read()).toBe(-Errno.EBADFD)
  })

  test('small and large packets come in where they are to lie, and nothing beside them', () => {
    netlink.changeLink(index, { mtu: 9000, up: true, ipv6AddressGeneration: 'none' })
    const outside = new PacketSocket(nativeSystem(), index)
    input.acquire()
    expect(input.read()).toBe(-Errno.EAGAIN)
    const before = header ? 10 : 0
    for (const size of [100, 9000]) {
      const sent = pattern(size)
      sent[0] = 0x45
      outside.send(sent)
      pool.memory.fill(0xaa)
      input.acquire()
      expect(input.read()).toBe(size)
      const received = input.take(size) as PooledPacket
      expect(hex(received.bytes())).toBe(hex(sent))
      const slot = received.memory.slice(received.slotStart, received.slotEnd)
      slot.fill(0xaa, received.headroom - before, received.headroom + size)
      expect(slot.every((byte) => byte === 0xaa)).toBe(true)
      received.release()
    }
    outside.close()
  })
})
