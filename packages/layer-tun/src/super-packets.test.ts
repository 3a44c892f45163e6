import { decodePacket } from '@millrace/core/testing'
import { Errno } from '@millrace/native'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import type { TunOptions } from './options.ts'
import { FakeTun } from './test-support/fake-tun.ts'
import {
  hex,
  ip,
  offloadHeader,
  pattern,
  superPacket,
  tcp,
  udp,
  unsummed,
  virtioHeader,
} from './test-support/packets.ts'
import { startRig, type TunRig } from './test-support/tun-rig.ts'

let rig: TunRig | undefined
afterEach(async () => {
  await rig?.running.stop()
  expect(rig?.running.pool.inUse).toBe(0)
})

async function start(tun: FakeTun, enable = true, options: TunOptions = {}): Promise<TunRig> {
  rig = await startRig(tun, enable, options)
  return rig
}

async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000 && !done(); turn++) await new Promise((next) => setImmediate(next))
}

const large = (size: number): Uint8Array => unsummed(ip(4, tcp(pattern(size))), 4, 'tcp')

test('what the kernel gives in one piece passes in one piece', async () => {
  const tun = new FakeTun()
  const { running, seen, offered } = await start(tun)
  expect([offered.tcp, offered.udp]).toEqual([true, true])
  expect(tun.headerSizes).toEqual([10])
  expect(tun.offloads.at(-1)).toBe(0x67)
  const [segments, datagrams, whole] = [large(60_000), ip(6, udp(pattern(5000))), ip(4, udp(pattern(50)))]
  tun.incoming.push(
    Buffer.concat([offloadHeader(4, 'tcp', 1348), segments]),
    Buffer.concat([offloadHeader(6, 'udp', 1000), datagrams]),
    Buffer.concat([offloadHeader(4, 'udp'), unsummed(whole, 4, 'udp')]),
  )
  await until(() => seen.length === 3)
  expect(seen.map(({ segments }) => segments)).toEqual([45, 5, 1])
  expect(seen.map(({ bytes }) => bytes)).toEqual([hex(segments), hex(datagrams), hex(whole)])
  expect(running.edges().find(({ from }) => from === 'tun')?.packets).toBe(51)
  await until(() => running.pool.inUse === 0)
  expect(running.pool.inUse).toBe(0)
  await running.stop()
  expect(tun.offloads.at(-1)).toBe(0)
})

test('nothing of it before the stack asks for it', async () => {
  const tun = new FakeTun()
  const { running, seen } = await start(tun, false)
  expect(tun.offloads.at(-1)).toBe(0)
  const whole = ip(4, udp(pattern(50)))
  tun.incoming.push(Buffer.concat([offloadHeader(4, 'tcp', 1348), large(60_000)]))
  tun.incoming.push(Buffer.concat([virtioHeader(), whole]))
  await until(() => seen.length > 0)
  expect(seen.map(({ bytes }) => bytes)).toEqual([hex(whole)])
  expect(running.drops()).toEqual([{ line: 'tun', reason: 'super-packet-unexpected', packets: 45 }])
})

test('a round has a bound in bytes', async () => {
  const tun = new FakeTun()
  const { seen } = await start(tun)
  const frame = Buffer.concat([offloadHeader(4, 'tcp', 1348), large(65_000)])
  for (let i = 0; i < 20; i++) tun.incoming.push(frame)
  await until(() => seen.length === 20)
  const rounds = new Map<number, number>()
  for (const { turn } of seen) rounds.set(turn, (rounds.get(turn) ?? 0) + 1)
  expect([...rounds.values()]).toEqual([5, 5, 5, 5])
})

test('a pool with few large slots loses none', async () => {
  const tun = new FakeTun()
  const { running, seen } = await start(tun)
  const held = Array.from({ length: 126 }, () => running.pool.acquire(60_000))
  const frame = Buffer.concat([offloadHeader(4, 'tcp', 1348), large(9000)])
  for (let i = 0; i < 9; i++) tun.incoming.push(frame)
  await until(() => seen.length === 9)
  expect([seen.length, running.drops()]).toEqual([9, []])
  for (const packet of held) packet?.release()
})

test('what the kernel refuses is cut from then on, with one word about it', async () => {
  const tun = new FakeTun()
  tun.refuse = (bytes) => (bytes[1] === 0 ? 0 : -Errno.EINVAL)
  const { running, offered, warnings, send } = await start(tun)
  for (let i = 0; i < 3; i++) send(superPacket(running.pool, 6, 'udp', 1000, pattern(2500)))
  expect([offered.tcp, offered.udp]).toEqual([true, false])
  expect(warnings).toEqual([{ interface: 'fake0', transport: 'UDP' }])
  expect(tun.written).toHaveLength(9)
  const payloads = tun.written.map((bytes) => decodePacket(bytes.slice(10)).payload)
  expect(hex(...payloads)).toBe(hex(pattern(2500), pattern(2500), pattern(2500)))
})

test.each([
  [{ offload: false }, 0, false, false],
  [{ offload: { tcp: false } }, 0x61, false, true],
  [{ offload: { udp: false } }, 0x07, true, false],
])('%j sets what the device is asked for', async (options, flags, tcp, udp) => {
  const tun = new FakeTun()
  const { offered } = await start(tun, true, options)
  expect(tun.offloads.at(-1)).toBe(flags)
  expect([offered.tcp, offered.udp]).toEqual([tcp, udp])
})

test('a device without headers gives and takes ordinary packets', async () => {
  const tun = new FakeTun(false)
  const { running, seen, offered, send } = await start(tun)
  expect([offered.tcp, offered.udp, tun.offloads, tun.headerSizes]).toEqual([false, false, [], []])
  const whole = ip(4, udp(pattern(5000)))
  tun.incoming.push(whole)
  await until(() => seen.length > 0)
  expect(seen.map(({ bytes }) => bytes)).toEqual([hex(whole)])
  send(superPacket(running.pool, 4, 'tcp', 1000, pattern(2500)))
  expect(tun.written.map((bytes) => decodePacket(bytes).payload.length)).toEqual([1000, 1000, 500])
})

test('whatever is read, every packet is delivered or a named drop, and none is kept', async () => {
  const tun = new FakeTun()
  const { running, seen } = await start(tun)
  const packets = [large(3000), ip(6, udp(pattern(2000))), ip(4, udp(pattern(5)))]
  const virtio = fc.record({
    flags: fc.nat({ max: 3 }),
    gsoType: fc.constantFrom(0, 1, 4, 5, 0x81, 0x77),
    gsoSize: fc.nat({ max: 4000 }),
    checksumStart: fc.nat({ max: 100 }),
    checksumOffset: fc.nat({ max: 100 }),
  })
  const real = fc
    .tuple(virtio, fc.constantFrom(...packets), fc.nat({ max: 4000 }))
    .map(([fields, packet, size]) => new Uint8Array(Buffer.concat([virtioHeader(fields), packet.slice(0, size)])))
  const frames = fc.array(fc.oneof(real, fc.uint8Array({ maxLength: 100 })), { minLength: 1, maxLength: 80 })
  let count = 0
  await fc.assert(
    fc.asyncProperty(frames, async (some) => {
      count += some.length
      tun.incoming.push(...some)
      await until(() => tun.incoming.length === 0 && running.pool.inUse === 0)
      const dropped = running.drops().reduce((sum, { packets }) => sum + packets, 0)
      expect([seen.length + dropped, running.pool.inUse]).toEqual([count, 0])
    }),
    { numRuns: 60 },
  )
  expect(Math.min(seen.length, running.drops().length)).toBeGreaterThan(1)
})
