import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { asDatagram, type Datagram, EnvironmentError, parseSocketAddress, SocketAddress, stack } from '@millrace/core'
import { type EndpointSubject, endpointConformance } from '@millrace/core/testing'
import { loadNative } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import { type UdpOptions, udp } from './index.ts'
import { UdpEnd, until } from './test-support/udp-end.ts'

const open: UdpEnd[] = []

async function start(options: UdpOptions, pool = {}): Promise<UdpEnd> {
  const end = await UdpEnd.open(options, pool)
  open.push(end)
  return end
}

afterEach(async () => {
  for (const end of open.splice(0)) await end.stop()
})

async function subject(family: 4 | 6, native: boolean): Promise<EndpointSubject<Datagram>> {
  const address = family === 4 ? '127.0.0.1' : '::1'
  const endpoint = udp({ address, native })
  const outside = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 20 })
  outside.bind({ address })
  await once(outside, 'listening')
  const seen: Uint8Array[] = []
  outside.on('message', (message) => seen.push(message))
  return {
    endpoint,
    sizes: [1, 32, 148, 1452, 9000, 65_000],
    oversize: 65_530,
    sample: (size, number) => new Uint8Array(size).fill(number + 1),
    address: (packet) => {
      packet.remote = new SocketAddress(family, address, outside.address().port)
      return asDatagram(packet)
    },
    sendFromOutside: (bytes) => new Promise((done) => outside.send(bytes, endpoint.port, address, () => done())),
    takeOutside: () => seen.splice(0),
    until,
    close: () => void outside.close(),
  }
}

const linux = loadNative().system !== undefined
const ipv6 = existsSync('/proc/net/if_inet6') || process.platform !== 'linux'

describe.each([
  { variant: 'by node:dgram', native: false, here: true },
  { variant: 'by system calls (needs Linux, koffi)', native: true, here: linux },
])('udp $variant', ({ native, here }) => {
  describe.skipIf(!here)('sockets', () => {
    for (const family of [4, 6] as const) {
      for (const { name, run } of endpointConformance(() => subject(family, native))) test(`IPv${family} ${name}`, run)
    }

    test('both families listen on the one port, which nobody else gets', async () => {
      const end = await start({ native })
      const { port } = end.wire
      expect(end.wire.native).toBe(native)
      for (const address of ['127.0.0.1', '::1']) {
        const failure = await UdpEnd.open({ port, address, native }).catch((error: unknown) => error)
        expect(failure).toBeInstanceOf(EnvironmentError)
        expect((failure as Error).message).toBe(`UDP port ${port} on ${address} is in use by another program`)
        expect((failure as Error).cause).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind' })
      }
    })

    test('an address that is not ours is refused in one sentence', async () => {
      const absent = UdpEnd.open({ address: '192.0.2.1', native })
      await expect(absent).rejects.toThrow('UDP port 0 on 192.0.2.1: this machine does not have that address')
    })

    test.skipIf(!ipv6)('answers go back to where a datagram came from, over both families', async () => {
      const [a, b] = [await start({ native }), await start({ native })]
      for (const address of ['127.0.0.1', '::1']) {
        a.send(b.address(address), 'question')
        const [question] = await b.take(1)
        expect(`${question?.text} ${question?.remote}`).toBe(`question ${a.address(address)}`)
        b.send(question?.remote as SocketAddress, 'answer', question?.local)
        const [answer] = await a.take(1)
        expect(`${answer?.text} ${answer?.remote}`).toBe(`answer ${b.address(address)}`)
      }
    })

    test('the largest datagrams pass, and empty ones; what is larger is a named drop', async () => {
      const [a, b] = [await start({ native }), await start({ native })]
      for (const size of [0, 1, 1855, 1856, 1857, 34_816, 65_507]) {
        const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff)
        a.send(b.address('127.0.0.1'), bytes)
        const [arrival] = await b.take(1)
        expect(Buffer.compare(arrival?.bytes ?? Buffer.of(1, 2, 3), bytes), `${size} bytes`).toBe(0)
      }
      a.send(b.address('127.0.0.1'), new Uint8Array(65_508))
      await until(() => a.dropped('datagram-too-large') > 0)
      expect(a.dropped('datagram-too-large')).toBe(1)
      expect([a.running.pool.inUse, b.running.pool.inUse]).toEqual([0, 0])
    })

    test('a super-packet leaves as the datagrams it stands for', async () => {
      const [a, b] = [await start({ native }), await start({ native })]
      const bytes = Uint8Array.from({ length: 64 * 100 - 1 }, (_, i) => Math.floor(i / 100))
      a.send(b.address('127.0.0.1'), bytes, undefined, 100)
      const arrivals = await b.take(64)
      expect(arrivals.map((arrival) => arrival.bytes.length)).toEqual([...Array(63).fill(100), 99])
      expect(arrivals.every((arrival, i) => arrival.bytes.every((byte) => byte === i))).toBe(true)
    })

    test('what the system does not send is dropped by name', async () => {
      const end = await start({ address: '127.0.0.1', native })
      end.send(new SocketAddress(6, '::1', 9), 'x')
      expect(end.dropped('no-socket-of-family')).toBe(1)
      end.send(parseSocketAddress('192.0.2.1:9'), 'from loopback to the world')
      const named = () => end.running.drops().filter(({ reason }) => /^(send-|unreachable)/.test(reason))
      await until(() => named().length > 0)
      expect(named()).toHaveLength(1)
    })

    test('the port changes while datagrams flow, and none that arrives is lost', async () => {
      const [a, b] = [await start({ native }), await start({ native })]
      const before = b.address('127.0.0.1')
      for (let i = 0; i < 200; i++) a.send(before, `before ${i}`)
      const change = b.control.setPort(0)
      await until(() => b.wire.port !== before.port)
      const after = b.address('127.0.0.1')
      for (let i = 0; i < 200; i++) a.send(after, `after ${i}`)
      await change
      const seen = await b.take(400)
      expect(seen.map(({ text }) => text).filter((text) => text.startsWith('before'))).toHaveLength(200)
      expect(seen.map(({ text }) => text).filter((text) => text.startsWith('after'))).toHaveLength(200)
      b.send(a.address('127.0.0.1'), 'hello')
      const [hello] = await a.take(1)
      expect(String(hello?.remote)).toBe(String(after))
      // The old port is free again.
      const other = await start({ port: before.port, native })
      expect(other.wire.port).toBe(before.port)
    })

    test('a port that cannot be had leaves the old one in use', async () => {
      const [a, b] = [await start({ native }), await start({ native })]
      const { port } = b.wire
      const failure = await b.wire.setPort(a.wire.port).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(EnvironmentError)
      expect((failure as Error).message).toContain(`UDP port ${a.wire.port} on all addresses is in use`)
      expect((failure as Error).cause).toMatchObject({ code: 'EADDRINUSE' })
      await expect(b.wire.setPort(65_536)).rejects.toThrow('udp port: expected a number from 0 to 65535, got 65536')
      expect(b.wire.port).toBe(port)
      a.send(b.address('127.0.0.1'), 'still there')
      expect((await b.take(1))[0]?.text).toBe('still there')
      await b.wire.setPort(port)
      expect(b.wire.port).toBe(port)
    })

    test('a port set before start, and one changed while stopping, do no harm', async () => {
      const free = (await start({ native })).wire.port
      await open.pop()?.stop()
      const end = await start({ native })
      void end.wire.setPort(0)
      await end.stop()
      expect(end.wire.port).toBe(0)
      await end.wire.setPort(free)
      expect(end.wire.port).toBe(0)
      const wire = udp({ native })
      await wire.setPort(free)
      expect(wire.port).toBe(0)
      const gateway = stack(wire).end({ connect: () => ({ serve() {} }) })
      for (let run = 0; run < 2; run++) {
        const running = await gateway.start()
        expect(wire.port).toBe(free)
        await running.stop()
      }
    })

    test('stops while nothing comes in and while much does, and delivers nothing more', async () => {
      const [a, b] = [await start({ native }), await start({ native })]
      let stopped: Promise<void> | undefined
      let seen = 0
      b.served = () => {
        stopped ??= b.stop()
        seen = b.arrivals.length
      }
      for (let i = 0; i < 300; i++) a.send(b.address('127.0.0.1'), 'x')
      await until(() => stopped !== undefined)
      await stopped
      for (let turn = 0; turn < 100; turn++) await new Promise((next) => setImmediate(next))
      expect(b.arrivals.length).toBe(seen)
      expect(seen).toBeGreaterThan(0)
      expect(b.running.pool.inUse).toBe(0)
    })

    test('packets held by others cost drops, not the wire', async () => {
      const [a, b] = [await start({ native }), await start({ native }, { pool: { slots: 8, jumboSlots: 2 } })]
      const held = Array.from({ length: 10 }, () => b.running.pool.acquire(1))
      for (let i = 0; i < 100; i++) a.send(b.address('127.0.0.1'), 'lost')
      await until(() => b.dropped('pool-empty') === 100)
      expect(b.dropped('pool-empty')).toBe(100)
      for (const packet of held) packet?.release()
      // Two packets of 64 KiB at a time find room, whatever the batch; small ones are enough for a small pool.
      for (let i = 0; i < 4; i++) {
        a.send(b.address('127.0.0.1'), new Uint8Array(60_000).fill(i))
        expect((await b.take(1))[0]?.bytes[59_999]).toBe(i)
      }
      for (let i = 0; i < 50; i++) a.send(b.address('127.0.0.1'), `found ${i}`)
      await until(() => b.arrivals.length + b.dropped('pool-empty') - 100 === 50)
      expect(b.arrivals[0]?.text).toBe('found 0')
      expect(b.running.pool.inUse).toBe(0)
    })

    test.skipIf(process.platform !== 'linux')('200 starts, changes and stops leave nothing open', async () => {
      const descriptors = () => readdirSync('/proc/self/fd').length
      const before = descriptors()
      for (let i = 0; i < 200; i++) {
        const end = await UdpEnd.open({ native }, { pool: { slots: 8, jumboSlots: 0 } })
        expect(descriptors()).toBeGreaterThan(before)
        if (i % 10 === 0) await end.wire.setPort(0)
        await end.stop()
      }
      await until(() => descriptors() <= before)
      expect(descriptors()).toBe(before)
    })
  })
})
