import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { asIpPacket, bind, type Endpoint, type IpPacket, LOGGER, parseIp, runtimeWith, stack } from '@millrace/core'
import { type EndpointSubject, endpointConformance } from '@millrace/core/testing'
import { RouteNetlink, SYSTEM_CALLS } from '@millrace/native'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
  PacketSocket,
} from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TunHandle } from './handle.ts'
import { tun } from './tun.ts'

const runnable = existsSync('/dev/net/tun') && canEnterNetworkNamespace()

async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000 && !done(); turn++) await new Promise((next) => setImmediate(next))
}

/** IPv4 (RFC 791 §3.1) or IPv6 (RFC 8200 §3), 10.9.0.1 or fd09::1 to 10.9.0.2 or fd09::2, protocol 253 (RFC 3692). */
function ipPacket(family: 4 | 6, size: number, number: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(number + 1)
  const view = new DataView(bytes.buffer)
  if (family === 4) {
    bytes.set([0x45, 0, 0, 0, 0, number, 0, 0, 64, 253, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2])
    view.setUint16(2, size)
  } else {
    const zeros = new Array<number>(13).fill(0)
    bytes.set([0x60, 0, 0, 0, 0, 0, 253, 64, 0xfd, 9, ...zeros, 1, 0xfd, 9, ...zeros, 2])
    view.setUint16(4, size - 40)
  }
  return bytes
}

function subject(family: 4 | 6, offload: boolean): EndpointSubject<IpPacket> {
  const endpoint = tun({ mtu: 65_535, offload })
  let outside: PacketSocket | undefined
  const watched: Endpoint<IpPacket> = {
    connect: (stack) => endpoint.connect(stack),
    start: async (context) => {
      await endpoint.start?.(context)
      outside = new PacketSocket(nativeSystem(), endpoint.index)
    },
    stop: () => endpoint.stop?.(),
  }
  return {
    endpoint: watched,
    sizes: [40, 41, 148, 1420, 9000, 65_535],
    sample: (size, number) => ipPacket(family, size, number),
    address: (packet) => {
      parseIp(packet)
      return asIpPacket(packet)
    },
    sendFromOutside: (bytes) => outside?.send(bytes),
    takeOutside: () => outside?.take() ?? [],
    until,
    close: () => outside?.close(),
  }
}

/** A wire that sends nothing and shows what it is given. */
function wire(show: (packet: IpPacket) => void = () => {}): Endpoint<IpPacket> {
  return {
    connect: () => ({
      serve: (batch) => {
        for (const packet of batch) show(packet)
      },
    }),
  }
}

describe.skipIf(!runnable)('tun (needs root, koffi, /dev/net/tun)', () => {
  let namespace: NetworkNamespace
  let netlink: RouteNetlink
  beforeAll(() => {
    namespace = enterNetworkNamespace()
    netlink = new RouteNetlink(nativeSystem())
  })
  afterAll(() => namespace.leave())

  describe.each([
    [4, true],
    [6, true],
    [4, false],
    [6, false],
  ] as const)('conformance with IPv%i, offload %s', (family, offload) => {
    for (const { name, run } of endpointConformance(() => subject(family, offload))) test(name, run)
  })

  test('the interface has what was asked for, and is gone after stop', async () => {
    const endpoint = tun({
      name: 'mill%d',
      mtu: 1380,
      addresses: ['10.9.0.1/24', 'fd09::1/64'],
      routes: ['10.10.0.0/16', '2001:db8::/32'],
    })
    expect([endpoint.interfaceName, endpoint.index]).toEqual(['', 0])
    const running = await stack(wire()).end(endpoint).start()
    const { index, interfaceName } = endpoint
    expect(interfaceName).toBe('mill0')
    expect(netlink.links()).toContainEqual({ index, name: 'mill0', mtu: 1380, up: true })
    const held = netlink.addresses().filter((address) => address.index === index)
    expect(held.map(({ address, prefixLength }) => `${address}/${prefixLength}`)).toEqual(['10.9.0.1/24', 'fd09::1/64'])
    for (const address of ['10.9.0.77', '10.10.1.1', 'fd09::77', '2001:db8::1']) {
      expect(netlink.routeTo(address), address).toMatchObject({ index, interfaceName: 'mill0' })
    }
    await running.stop()
    expect(netlink.linkIndex('mill0')).toBeUndefined()
    expect([endpoint.interfaceName, endpoint.index]).toEqual(['', 0])
    await endpoint.stop?.()
  })

  test('two stops at once wait for the same one, and it can start again', async () => {
    const endpoint = tun({ name: 'again' })
    for (let round = 0; round < 3; round++) {
      const running = await stack(wire()).end(endpoint).start()
      for (const stop of [endpoint.stop?.(), endpoint.stop?.()]) {
        await stop
        expect(netlink.linkIndex('again')).toBeUndefined()
      }
      await running.stop()
    }
  })

  test('a name in use is refused', async () => {
    await using _running = await stack(wire())
      .end(tun({ name: 'taken' }))
      .start()
    for (const name of ['taken', 'lo']) {
      const second = stack(wire()).end(tun({ name })).start()
      await expect(second).rejects.toThrow(`tun: there is an interface named ${name} already; choose another name`)
    }
  })

  test('a start that fails half way leaves nothing', async () => {
    const half = tun({ name: 'half', addresses: ['10.9.0.1/24', '10.9.0.1/24'] })
    const started = stack(wire()).end(half).start()
    await expect(started).rejects.toThrow(/^cannot add address 10\.9\.0\.1\/24 .* it exists already \(EEXIST/)
    expect(netlink.linkIndex('half')).toBeUndefined()
    expect(half.index).toBe(0)
  })

  test('the kernel says nothing on it by itself', async () => {
    const seen: string[] = []
    const end = tun({ addresses: ['10.9.0.1/24', 'fd09::1/64'] })
    await using running = await stack(wire((packet) => seen.push(`${packet.source} > ${packet.destination}`)))
      .end(end)
      .start()
    const socket = createSocket('udp4')
    socket.send('first and last', 9, '10.9.0.2')
    await until(() => seen.includes('10.9.0.1 > 10.9.0.2'))
    socket.close()
    expect(seen).toEqual(['10.9.0.1 > 10.9.0.2'])
    expect(running.drops()).toEqual([])
  })

  test('an interface deleted from outside ends the reading, with a word, and stops as ever', async () => {
    const errors: object[] = []
    const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) }
    const end = tun({ name: 'doomed' })
    const running = await stack(wire(), { runtime: runtimeWith(bind(LOGGER, logger)) })
      .end(end)
      .start()
    netlink.deleteLink(end.index)
    await until(() => errors.length > 0)
    expect(errors).toEqual([{ interface: 'doomed', reason: 'the interface is gone' }])
    expect(running.drops()).toEqual([{ line: 'tun', reason: 'tun-gone', packets: 1 }])
    await running.stop()
    expect(errors).toHaveLength(1)
  })
})

describe.skipIf(!runnable)('tun of a given descriptor (needs root, koffi, /dev/net/tun)', () => {
  let namespace: NetworkNamespace
  beforeAll(() => {
    namespace = enterNetworkNamespace()
  })
  afterAll(() => namespace.leave())

  test('is read and written as it is, again and again, and stays', async () => {
    const netlink = new RouteNetlink(nativeSystem())
    const handle = TunHandle.create(nativeSystem(), 'given')
    const index = netlink.linkIndex('given') as number
    netlink.changeLink(index, { mtu: 9000, ipv6AddressGeneration: 'none' })
    netlink.changeLink(index, { up: true })
    const outside = new PacketSocket(nativeSystem(), index)
    const seen: number[] = []
    let gone = 0
    const complete = stack(wire((packet) => seen.push(packet.length))).end(tun({ fd: handle.fd, onGone: () => gone++ }))
    for (let round = 1; round <= 2; round++) {
      const running = await complete.start()
      // Larger than expected.
      outside.send(ipPacket(4, 9000, 1))
      await until(() => seen.length === round)
      await running.stop()
      expect(running.pool.inUse).toBe(0)
      expect(netlink.links()).toContainEqual({ index, name: 'given', mtu: 9000, up: true })
    }
    expect(seen).toEqual([9000, 9000])

    const running = await complete.start()
    outside.close()
    netlink.deleteLink(index)
    await until(() => gone > 0)
    expect(gone).toBe(1)
    await running.stop()
    handle.close()
  })

  test('that is none is refused', async () => {
    const started = stack(wire())
      .end(tun({ fd: 0x7fff_fff0 }))
      .start()
    await expect(started).rejects.toThrow('tun fd: descriptor 2147483632 is no TUN device (EBADF)')
  })
})

test('without system calls it says so', async () => {
  const started = stack(wire(), { runtime: runtimeWith(bind(SYSTEM_CALLS, undefined)) })
    .end(tun())
    .start()
  await expect(started).rejects.toThrow(/^tun: needs Linux and koffi: /)
})
