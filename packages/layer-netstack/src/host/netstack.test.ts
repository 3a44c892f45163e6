import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import type { IpPacket } from '@millrace/core'
import { VirtualClock } from '@millrace/core/testing'
import { afterEach, describe, expect, test } from 'vitest'
import {
  FAR,
  FAR6,
  NEAR,
  startTwoNetstacks,
  type TwoNetstacks,
  type TwoNetstacksOptions,
} from '../test-support/two-netstacks.ts'
import { netstack } from './netstack.ts'
import type { NetstackEndpoint } from './netstack-endpoint.ts'
import type { TunnelSocket } from './tunnel-socket.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let hosts: TwoNetstacks
async function start(options: TwoNetstacksOptions = {}): Promise<TwoNetstacks> {
  hosts = await startTwoNetstacks(options)
  return hosts
}
afterEach(async () => {
  await hosts.running.stop()
  expect(hosts.running.pool.inUse).toBe(0)
})

/** The error that a socket ends with. */
async function failure(socket: TunnelSocket): Promise<unknown> {
  const [error] = await once(socket, 'error')
  return error
}

/** The first that somebody opens to port 80. */
function firstAt(host: NetstackEndpoint): Promise<TunnelSocket> {
  return new Promise((resolve) => {
    host.listen({ port: 80 }, (socket) => resolve(socket.on('error', () => {})))
  })
}

/** One turn of the event loop: what is under way comes one step further. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets time pass until the promise is settled. */
async function ticking<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isSettled = false
  const settle = (): void => {
    isSettled = true
  }
  promise.then(settle, settle)
  for (let turns = 0; turns < 100_000 && !isSettled; turns++) {
    await turn()
    clock.advance(1)
  }
  return promise
}

/** Waits for `condition`, a bounded number of turns. */
async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; turns < 10_000 && !condition(); turns++) await turn()
  expect(condition()).toBe(true)
}

describe('a stream', () => {
  test.each([FAR, FAR6])('to %s is intact both ways at once', async (address) => {
    const { near, far } = await start()
    const [up, down] = [randomBytes(3_000_000), randomBytes(2_000_000)]
    const received = new Promise<Buffer>((resolve) => {
      far.listen({ port: 80 }, (socket) => {
        socket.end(down)
        resolve(buffer(socket))
      })
    })
    const socket = near.dial({ address, port: 80 }, { allowHalfOpen: true })
    socket.end(up)
    expect(sha256(await buffer(socket))).toBe(sha256(down))
    expect(sha256(await received)).toBe(sha256(up))
    expect([socket.bytesWritten, socket.bytesRead]).toEqual([up.length, down.length])
  })

  test('knows its ends', async () => {
    const { near, far } = await start()
    const accepted = firstAt(far)
    const socket = near.dial({ address: FAR, port: 80 }, { localPort: 4000 })
    await once(socket, 'connect')
    const other = await accepted
    expect([socket.localAddress, socket.localPort, socket.remoteAddress, socket.remotePort]).toEqual([
      NEAR,
      4000,
      FAR,
      80,
    ])
    expect([other.localAddress, other.localPort, other.remoteAddress, other.remotePort]).toEqual([FAR, 80, NEAR, 4000])
    expect([socket.address(), socket.remoteFamily]).toEqual([{ address: NEAR, family: 'IPv4', port: 4000 }, 'IPv4'])
    socket.destroy()
    await once(other.resume(), 'close')
  })

  test('that is not read holds no more than its buffers, and loses nothing', async () => {
    const clock = new VirtualClock()
    const bounds = { tcp: { receiveBuffer: 65_536, sendBuffer: 65_536 } }
    const { near, far } = await start({ near: bounds, far: bounds, clock })
    const accepted = firstAt(far)
    const socket = near.dial({ address: FAR, port: 80 })
    const hash = createHash('sha256')
    let written = 0
    let isWaiting = false
    socket.on('drain', () => {
      isWaiting = false
    })
    const reader = (await ticking(clock, accepted)).pause()
    // A second in which nothing moves.
    for (let idle = 0; idle < 1000; clock.advance(1)) {
      await turn()
      idle = isWaiting ? idle + 1 : 0
      if (isWaiting) continue
      const piece = randomBytes(10_000)
      hash.update(piece)
      written += piece.length
      isWaiting = !socket.write(piece)
    }
    // Two streams' buffers, two of TCP, and what was being written.
    expect(written).toBeGreaterThan(131_072)
    expect(written).toBeLessThan(400_000)
    expect(far.statistics?.memory).toBeLessThanOrEqual(2 * 65_536)
    socket.end()
    expect(sha256(await ticking(clock, buffer(reader)))).toBe(hash.digest('hex'))
  })

  test('of 200 at once none is mixed up with another', async () => {
    const { near, far } = await start()
    far.listen({ port: 80, allowHalfOpen: true }, (socket) => void socket.pipe(socket))
    const echoes = Array.from({ length: 200 }, async () => {
      const bytes = randomBytes(20_000)
      const socket = near.dial({ address: FAR, port: 80 })
      socket.end(bytes)
      return sha256(await buffer(socket)) === sha256(bytes)
    })
    expect(await Promise.all(echoes)).toEqual(Array(200).fill(true))
  })
})

describe('an attempt that fails', () => {
  test('names what went wrong as Node does', async () => {
    const { near } = await start()
    const socket = near.dial({ address: FAR, port: 81 })
    expect(await failure(socket)).toMatchObject({
      message: `connect ECONNREFUSED ${FAR}:81`,
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: FAR,
      port: 81,
    })
    expect(socket.destroyed).toBe(true)
  })

  test.each([
    ['outside of its routes', '192.0.2.1'],
    ['loopback', '127.0.0.1'],
    ['loopback in disguise', '::ffff:127.0.0.1'],
    ['unspecified', '0.0.0.0'],
    ['multicast', '224.0.0.1'],
    ['IPv6 loopback', '::1'],
    ['its own address', NEAR],
    ['a name', 'example.org'],
  ])('%s is unreachable at once, and nothing is sent', async (_, address) => {
    let sent = 0
    const passes = (): boolean => ++sent > 0
    const routes = ['10.0.0.0/8', '127.0.0.0/8', '0.0.0.0/32', '224.0.0.0/4', '::/0']
    const { near } = await start({ near: { routes }, passes })
    expect(await failure(near.dial({ address, port: 80 }))).toMatchObject({ code: 'EHOSTUNREACH', port: 80 })
    expect([near.reaches(address), near.reaches(FAR), sent]).toEqual([false, true, 0])
  })

  test('an IPv4 address mapped into IPv6 is the IPv4 address', async () => {
    const { near } = await start()
    expect(await failure(near.dial({ address: `::ffff:${FAR}`, port: 9 }))).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('before the start and after the stop the network is down', async () => {
    const idle = netstack({ addresses: ['10.0.0.9'] })
    expect(await failure(idle.dial({ address: FAR, port: 80 }))).toMatchObject({ code: 'ENETDOWN' })
    const { near, running } = await start()
    await running.stop()
    expect(await failure(near.dial({ address: FAR, port: 80 }))).toMatchObject({ code: 'ENETDOWN' })
  })

  test('nobody answers', async () => {
    const clock = new VirtualClock()
    const { near } = await start({ clock, passes: () => false })
    const failed = failure(near.dial({ address: FAR, port: 80 }))
    for (let second = 0; second < 70; second++) {
      clock.advance(1000)
      await turn()
    }
    expect(await failed).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: FAR })
  })

  test('a signal ends it', async () => {
    const { near } = await start({ passes: () => false })
    const abort = new AbortController()
    const failed = failure(near.dial({ address: FAR, port: 80 }, { signal: abort.signal }))
    abort.abort()
    expect(await failed).toMatchObject({ name: 'AbortError' })
    expect(near.statistics?.connections).toBe(0)
  })
})

describe('of several destinations', () => {
  const elsewhere = { address: '10.0.0.77', port: 80 }

  test('the next is tried when one refuses', async () => {
    const { near, far } = await start()
    far.listen({ port: 80 }, (socket) => void socket.end('here'))
    const socket = near.dial([
      { address: FAR6, port: 81 },
      { address: FAR, port: 80 },
    ])
    expect((await buffer(socket)).toString()).toBe('here')
    expect(socket.remoteAddress).toBe(FAR)
  })

  test('the next is tried beside one that does not answer for 250 ms', async () => {
    const clock = new VirtualClock()
    const { near, far } = await start({ clock })
    const accepted = firstAt(far)
    const socket = near.dial([elsewhere, { address: FAR, port: 80 }])
    await until(() => near.statistics?.connections === 1)
    clock.advance(249)
    await turn()
    expect(socket.connecting).toBe(true)
    clock.advance(1)
    await accepted
    await until(() => !socket.connecting)
    expect([socket.remoteAddress, near.statistics?.connections]).toEqual([FAR, 1])
  })

  test('if all fail the error has the code of the first, and all of them', async () => {
    const { near } = await start()
    const error = await failure(
      near.dial([
        { address: FAR, port: 81 },
        { address: '127.0.0.1', port: 80 },
      ]),
    )
    expect(error).toBeInstanceOf(AggregateError)
    expect(error).toMatchObject({ code: 'ECONNREFUSED', errors: [{ code: 'ECONNREFUSED' }, { code: 'EHOSTUNREACH' }] })
  })

  test('they may come later, or not', async () => {
    const { near, far } = await start()
    far.listen({ port: 80 }, (socket) => void socket.end('later'))
    const socket = near.dial(Promise.resolve([{ address: FAR, port: 80 }]))
    expect((await buffer(socket)).toString()).toBe('later')
    expect(await failure(near.dial(Promise.reject(new Error('no such name'))))).toMatchObject({
      message: 'no such name',
    })
    expect(await failure(near.dial(Promise.resolve([])))).toMatchObject({ code: 'EHOSTUNREACH' })
  })
})

describe('a connection that stands', () => {
  async function established(options: TwoNetstacksOptions = {}): Promise<readonly [TunnelSocket, TunnelSocket]> {
    const { near, far } = await start(options)
    const accepted = firstAt(far)
    const socket = near.dial({ address: FAR, port: 80 })
    if (options.clock instanceof VirtualClock) await ticking(options.clock, once(socket, 'connect'))
    return [socket, await accepted]
  }

  test('ends with ETIMEDOUT when the other end vanishes while something is under way', async () => {
    let isUp = true
    const clock = new VirtualClock()
    const [socket] = await established({ clock, passes: () => isUp, near: { tcp: { userTimeout: 30_000 } } })
    isUp = false
    const failed = failure(socket)
    socket.write('anybody there?')
    for (let second = 0; second < 60 && !socket.destroyed; second++) {
      clock.advance(1000)
      await turn()
    }
    expect(await failed).toMatchObject({ code: 'ETIMEDOUT', syscall: 'read' })
  })

  test('ends with ETIMEDOUT when it is idle and probes are not answered', async () => {
    let isUp = true
    const clock = new VirtualClock()
    const tcp = { keepaliveIdle: 10_000, keepaliveInterval: 1000, keepaliveProbes: 3 }
    const [socket] = await established({ clock, passes: () => isUp, near: { tcp } })
    isUp = false
    const failed = failure(socket)
    for (let second = 0; second < 20 && !socket.destroyed; second++) {
      clock.advance(1000)
      await turn()
    }
    expect(await failed).toMatchObject({ code: 'ETIMEDOUT' })
  })

  test('is closed when the stack stops, without an error; one that is being opened with one', async () => {
    const [socket, other] = await established()
    socket.write('something')
    const opening = failure(hosts.near.dial({ address: FAR, port: 81 }))
    await turn()
    const closed = [socket, other].map((each) => new Promise((resolve) => each.once('close', resolve)))
    await hosts.running.stop()
    expect((await Promise.all(closed))[0]).toBe(false)
    expect(await opening).toMatchObject({ code: expect.stringMatching(/ECONNABORTED|ECONNREFUSED/) })
  })

  test('has a writer that is told when it is destroyed', async () => {
    const [socket, other] = await established()
    other.pause()
    const written = new Promise((resolve) => socket.write(randomBytes(5_000_000), resolve))
    socket.destroy()
    expect(await written).toBeInstanceOf(Error)
  })
})

describe('packets', () => {
  test.each([
    [false, 0],
    [true, 1],
  ])('stand for several segments only if a line that cuts them has asked (%s)', async (asked, least) => {
    let largest = 0
    const passes = (packet: IpPacket): boolean => {
      largest = Math.max(largest, packet.segmentSize)
      return true
    }
    const { near, far } = await start({ passes, enable: asked })
    far.listen({ port: 80 }, (socket) => void socket.end(randomBytes(500_000)))
    expect((await buffer(near.dial({ address: FAR, port: 80 }))).length).toBe(500_000)
    expect(largest > 0 ? 1 : 0).toBe(least)
  })
})
