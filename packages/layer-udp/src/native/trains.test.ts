import { execFileSync } from 'node:child_process'
import { LocalAddress, SocketAddress } from '@millrace/core'
import { loadNative } from '@millrace/native'
import { canEnterNetworkNamespace, enterNetworkNamespace } from '@millrace/native/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type Arrival, UdpEnd, until } from '../test-support/udp-end.ts'
import { WatchedSystem } from '../test-support/watched-system.ts'

const open: UdpEnd[] = []

async function start(options = {}, surroundings = {}): Promise<UdpEnd> {
  const end = await UdpEnd.open({ native: true, ...options }, surroundings)
  open.push(end)
  return end
}

afterEach(async () => {
  for (const end of open.splice(0)) await end.stop()
})

/** `count` datagrams of `size` bytes one behind the other, each full of its number. */
function numbered(count: number, size: number): Uint8Array {
  return Uint8Array.from({ length: count * size }, (_, i) => Math.floor(i / size))
}

/** What came in, datagram by datagram: length and first byte. */
function datagramsOf(arrivals: readonly Arrival[]): string[] {
  return arrivals.flatMap(({ bytes, segmentSize }) => {
    const step = segmentSize || bytes.length || 1
    const starts = Array.from({ length: Math.max(Math.ceil(bytes.length / step), 1) }, (_, i) => i * step)
    return starts.map((at) => `${Math.min(step, bytes.length - at)} of ${bytes[at] ?? 'nothing'}`)
  })
}

describe.skipIf(loadNative().system === undefined)('trains (needs Linux, koffi)', () => {
  test.each(['127.0.0.1', '::1'])('one to %s comes in as one packet when that was asked for', async (address) => {
    const [a, b] = [await start(), await start()]
    b.superPackets?.enable()
    const bytes = numbered(45, 1400).subarray(0, 45 * 1400 - 1)
    for (let port = 0; port < 2; port++) {
      a.send(b.address(address), bytes, undefined, 1400)
      const [train, ...others] = await b.take(1)
      expect([train?.bytes, train?.segmentSize, train?.remote.port]).toEqual([bytes, 1400, a.wire.port])
      expect([train?.local?.address, others]).toEqual([address, []])
      a.send(b.address(address), 'alone')
      expect(await b.take(1)).toMatchObject([{ text: 'alone', segmentSize: 0 }])
      // At another port it stays asked for.
      await b.wire.setPort(0)
    }
    expect(b.running.pool.inUse).toBe(0)
    expect([a.wire.offload, b.wire.offload]).toEqual([
      { send: true, receive: false },
      { send: true, receive: true },
    ])
  })

  test('nothing comes in as one packet before it was asked for, or where it is switched off', async () => {
    const [a, plain, off] = [await start(), await start(), await start({ offload: { receive: false } })]
    expect([plain.superPackets === undefined, off.superPackets]).toEqual([false, undefined])
    for (const b of [plain, off]) {
      a.send(b.address('127.0.0.1'), numbered(20, 1000), undefined, 1000)
      const arrivals = await b.take(20)
      expect(arrivals.map(({ bytes, segmentSize }) => [bytes.length, bytes[0], segmentSize])).toEqual(
        Array.from({ length: 20 }, (_, i) => [1000, i, 0]),
      )
    }
  })

  test('neighbours of one size and way leave in one message, and the last of them may be shorter', async () => {
    const system = new WatchedSystem()
    const [a, b] = [await start({}, { runtime: system.runtime }), await start()]
    const [v4, v6, far] = [b.address('127.0.0.1'), b.address('::1'), new LocalAddress(4, '127.0.0.9', 0)]
    const sizes = (...list: number[]) => list.map((size) => ({ remote: v4, payload: new Uint8Array(size) }))
    a.sendBatch([
      ...sizes(100, 100, 100, 60),
      ...sizes(60, 61),
      ...sizes(0, 0, 1),
      ...sizes(7, 7).map((packet) => ({ ...packet, trafficClass: 2 })),
      ...sizes(7, 7).map((packet) => ({ ...packet, local: far })),
      ...sizes(7).map((packet) => ({ ...packet, remote: v6 })),
      { remote: v4, payload: new Uint8Array(700), segmentSize: 100 },
      { remote: v4, payload: new Uint8Array(301), segmentSize: 100 },
      ...sizes(100),
    ])
    const messages = (list: [number, number, boolean?][]) =>
      list.map(([size, segment, hasSource = false]) => ({ size, segment, hasSource }))
    expect(system.calls).toEqual([
      messages([
        [360, 100],
        [60, 0],
        [61, 0],
        [0, 0],
        [0, 0],
        [1, 0],
        [14, 7],
        [14, 7, true],
      ]),
      messages([[7, 0]]),
      messages([
        [1001, 100],
        [100, 0],
      ]),
    ])
    expect(await b.take(26)).toHaveLength(26)
  })

  test.each([
    [{ send: false }, Array(65).fill(100), 0],
    [{ send: true }, [6400, 100], 100],
  ])('with offload %j 65 datagrams of 100 bytes are so many messages', async (offload, sizes, segment) => {
    const system = new WatchedSystem()
    const [a, b] = [await start({ offload }, { runtime: system.runtime }), await start()]
    a.send(b.address('127.0.0.1'), numbered(65, 100), undefined, 100)
    expect(system.calls.flat().map(({ size }) => size)).toEqual(sizes)
    expect(system.calls[0]?.[0]?.segment).toBe(segment)
    expect(datagramsOf(await b.take(65))).toEqual(Array.from({ length: 65 }, (_, i) => `100 of ${i}`))
  })

  test('whatever the sizes, all arrive as they were sent, in order, at either kind of receiver', async () => {
    const [a, plain, joining] = [await start(), await start(), await start()]
    joining.superPackets?.enable()
    const size = fc.oneof(fc.constantFrom(0, 1, 500, 1452, 1856, 1857, 32_753, 32_754), fc.nat(3000))
    const packet = fc.record({
      size,
      segmentSize: fc.constantFrom(0, 0, 1, 500, 1452),
      ways: fc.nat(1),
      fill: fc.nat(255),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 40 }), async (packets) => {
        for (const b of [plain, joining]) {
          const sent: string[] = []
          const departures = packets.map(({ size, segmentSize, ways, fill }) => {
            // Not more datagrams at once than a socket of modest buffers holds.
            const step = Math.max(segmentSize, Math.ceil(size / 20)) * Math.min(segmentSize, 1)
            for (let at = 0; at === 0 || at < size; at += step || Math.max(size, 1)) {
              const length = Math.min(step || size, size - at)
              sent.push(`${length} of ${length === 0 ? 'nothing' : fill}`)
            }
            const remote = b.address(ways === 0 ? '127.0.0.1' : '127.0.0.2')
            return { remote, payload: new Uint8Array(size).fill(fill), segmentSize: step }
          })
          a.sendBatch(departures)
          const seen: string[] = []
          await until(() => {
            return seen.push(...datagramsOf(b.arrivals.splice(0))) >= sent.length
          })
          expect(seen).toEqual(sent)
          await until(() => b.running.pool.inUse === 0)
          expect([a.running.pool.inUse, b.running.pool.inUse]).toEqual([0, 0])
        }
      }),
      { numRuns: 40 },
    )
  })

  test('a pool with few jumbo packets still takes trains, and what finds no room is counted by the datagram', async () => {
    const a = await start()
    const b = await start({}, { pool: { slots: 64, jumboSlots: 2 } })
    b.superPackets?.enable()
    for (let i = 0; i < 5; i++) a.send(b.address('127.0.0.1'), numbered(45, 1400), undefined, 1400)
    await until(() => datagramsOf(b.arrivals).length === 5 * 45)
    expect(datagramsOf(b.arrivals.splice(0))).toHaveLength(5 * 45)
    const held = [b.running.pool.acquire(60_000), b.running.pool.acquire(60_000)]
    a.send(b.address('127.0.0.1'), numbered(45, 1400), undefined, 1400)
    a.send(b.address('127.0.0.1'), 'small enough')
    expect((await b.take(1))[0]?.text).toBe('small enough')
    expect(b.dropped('pool-empty')).toBe(45)
    for (const packet of held) packet?.release()
    expect(b.running.pool.inUse).toBe(0)
  })

  test.skipIf(!canEnterNetworkNamespace())(
    'datagrams above the MTU go one by one, in fragments (needs root, ip)',
    async () => {
      const namespace = enterNetworkNamespace()
      try {
        execFileSync('ip', ['link', 'set', 'lo', 'mtu', '1300'])
        const system = new WatchedSystem()
        const [a, b] = [await start({}, { runtime: system.runtime }), await start()]
        for (const address of ['127.0.0.1', '::1']) {
          const remote = new SocketAddress(address === '::1' ? 6 : 4, address, b.wire.port)
          for (const round of [0, 1]) {
            system.calls.length = 0
            a.send(remote, numbered(10, 1452), undefined, 1452)
            expect(datagramsOf(await b.take(10))).toEqual(Array.from({ length: 10 }, (_, i) => `1452 of ${i}`))
            // The first train is refused; the next ones are not tried.
            expect(system.calls.flat().some(({ segment }) => segment > 0)).toBe(round === 0)
          }
          system.calls.length = 0
          a.send(remote, numbered(10, 1000), undefined, 1000)
          expect(datagramsOf(await b.take(10))).toHaveLength(10)
          expect(system.calls.flat()).toMatchObject([{ size: 10_000, segment: 1000 }])
        }
        expect(a.running.drops()).toEqual([])
      } finally {
        namespace.leave()
      }
    },
  )
})
