import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  FAR,
  FAR6,
  NEAR,
  startTwoNetstacks,
  type TwoNetstacks,
  type TwoNetstacksOptions,
} from '../test-support/two-netstacks.ts'
import type { TunnelDatagramSocket } from './tunnel-datagram-socket.ts'

let hosts: TwoNetstacks
async function start(options: TwoNetstacksOptions = {}): Promise<TwoNetstacks> {
  hosts = await startTwoNetstacks(options)
  return hosts
}
afterEach(async () => {
  await hosts.running.stop()
  expect(hosts.running.pool.inUse).toBe(0)
})

function echo(socket: TunnelDatagramSocket): TunnelDatagramSocket {
  return socket.on('message', (bytes, { address, port }) => socket.send(bytes, port, address))
}

describe('a datagram', () => {
  test.each([
    [FAR, 'IPv4'],
    [FAR6, 'IPv6'],
  ])('goes to %s and comes back', async (address, family) => {
    const { near, far } = await start()
    echo(far.bind({ port: 7 }))
    const socket = near.createSocket()
    socket.send('hello', 7, address)
    expect(await once(socket, 'message')).toEqual([Buffer.from('hello'), { address, family, port: 7, size: 5 }])
  })

  test.each([
    [['abcdef', 7, FAR], 'abcdef'],
    [[Buffer.from('abcdef'), 2, 3, 7, FAR], 'cde'],
    [[['ab', Buffer.from('cd')], 7, FAR], 'abcd'],
    [[new DataView(Buffer.from('xyz').buffer.slice(0, 0)), 7, FAR], ''],
  ] as const)('is sent in each form that dgram knows (%#)', async (args, text) => {
    const { near, far } = await start()
    const received = once(far.bind({ port: 7 }), 'message')
    const socket = near.createSocket()
    const sent = new Promise((resolve) =>
      socket.send(...(args as [string, number, string]), (...result: unknown[]) => resolve(result)),
    )
    expect(await sent).toEqual([null, text.length])
    expect((await received)[0].toString()).toBe(text)
  })

  test('larger than the MTU goes in fragments', async () => {
    const { near, far } = await start()
    const bytes = randomBytes(65_507)
    echo(far.bind({ port: 7 }))
    const socket = near.createSocket()
    socket.send(bytes, 7, FAR)
    expect((await once(socket, 'message'))[0].equals(bytes)).toBe(true)
    const tooLarge = new Promise((resolve) => socket.send(Buffer.alloc(65_508), 7, FAR, resolve))
    expect(await tooLarge).toMatchObject({ code: 'EMSGSIZE' })
  })

  test('to where no route leads is not sent', async () => {
    const { near } = await start({ near: { routes: ['10.0.0.0/8'] } })
    const socket = near.createSocket()
    for (const address of ['192.0.2.1', '127.0.0.1', FAR6, NEAR]) {
      const failed = new Promise((resolve) => socket.send('x', 7, address, resolve))
      expect(await failed).toMatchObject({ code: 'EHOSTUNREACH', syscall: 'send' })
    }
  })

  test('waits to be read within a bound', async () => {
    const { near, far, drops } = await start()
    const socket = far.createSocket({ receiveBuffer: 3000 }).bind(7)
    const lengths: number[] = []
    socket.on('message', (bytes) => lengths.push(bytes.length))
    const sender = near.createSocket()
    // All of them arrive before anybody can read.
    for (let i = 0; i < 5; i++) sender.send(Buffer.alloc(1000), 7, FAR)
    await once(socket, 'message')
    await new Promise((resolve) => setImmediate(resolve))
    expect(lengths).toEqual([1000, 1000])
    expect(drops()['udp-receive-queue-full']).toBe(3)
  })
})

describe('a socket', () => {
  test('that is connected hears only the other end, and of errors', async () => {
    const { near, far } = await start()
    const [server, stranger] = [far.bind({ port: 7 }), far.bind({ port: 8 })]
    echo(server)
    const socket = near.createSocket()
    socket.connect(7, FAR)
    await once(socket, 'connect')
    expect(socket.remoteAddress()).toEqual({ address: FAR, family: 'IPv4', port: 7 })
    const heard: string[] = []
    socket.on('message', (bytes) => heard.push(bytes.toString()))
    stranger.send('listen to me', socket.address().port, NEAR)
    socket.send('hello')
    await once(socket, 'message')
    expect(heard).toEqual(['hello'])
    server.close()
    socket.send('anybody?')
    expect(await once(socket, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }])
  })

  test('has its port alone, at an address or at all', async () => {
    const { near } = await start()
    const first = near.bind({ port: 53, address: NEAR })
    await once(first, 'listening')
    expect(first.address()).toEqual({ address: NEAR, family: 'IPv4', port: 53 })
    const second = near.createSocket().bind(53)
    expect(await once(second, 'error')).toMatchObject([{ code: 'EADDRINUSE', syscall: 'bind' }])
    const other = near.createSocket().bind(53, 'fd00::1')
    await once(other, 'listening')
    const foreign = near.createSocket().bind(53, '192.0.2.1')
    expect(await once(foreign, 'error')).toMatchObject([{ code: 'EADDRNOTAVAIL' }])
    await first[Symbol.asyncDispose]()
    const third = near.createSocket().bind({ port: 53, address: NEAR })
    await once(third, 'listening')
  })

  test('of one family has addresses of that family only', async () => {
    const { near } = await start()
    const socket = near.createSocket({ type: 'udp4' }).bind()
    await once(socket, 'listening')
    expect(socket.address()).toMatchObject({ address: '0.0.0.0', family: 'IPv4' })
    const failed = new Promise((resolve) => socket.send('x', 7, FAR6, resolve))
    expect(await failed).toMatchObject({ code: 'EHOSTUNREACH' })
  })

  test('looks names up as it is told, or not at all', async () => {
    const { near, far } = await start()
    echo(far.bind({ port: 7 }))
    const socket = near.createSocket({ resolve: async (name) => (name === 'far' ? FAR : '') })
    socket.send('hello', 7, 'far')
    await once(socket, 'message')
    const nameless = near.createSocket()
    const failed = new Promise((resolve) => nameless.send('x', 7, 'far', resolve))
    expect(await failed).toMatchObject({ message: 'datagram socket: expected an address, got "far"' })
  })

  test('lets so many datagrams wait for the address of a name, and no more', async () => {
    const { near, far } = await start()
    const server = far.bind({ port: 7 })
    let received = 0
    server.on('message', () => received++)
    const found: ((address: string) => void)[] = []
    const socket = near.createSocket({ resolve: () => new Promise((resolve) => found.push(resolve)) })
    const results: unknown[] = []
    const send = (count: number): Promise<unknown> =>
      Promise.all(
        Array.from(
          { length: count },
          () =>
            new Promise<void>((resolve) =>
              socket.send('x', 7, 'far', (error) => {
                results.push((error as NodeJS.ErrnoException | null)?.code ?? 'sent')
                resolve()
              }),
            ),
        ),
      )
    const waiting = send(256)
    await send(2)
    expect(results).toEqual(['ENOBUFS', 'ENOBUFS'])
    for (const resolve of found.splice(0)) resolve(FAR)
    await waiting
    expect(results.slice(2)).toEqual(Array(256).fill('sent'))
    await vi.waitFor(() => expect(received).toBe(256))
    const again = send(1)
    found[0]?.(FAR)
    await again
    expect(results.at(-1)).toBe('sent')
  })

  test('that is closed while a name is looked up tells only who asks', async () => {
    const { near } = await start()
    const found: ((address: string) => void)[] = []
    const socket = near.createSocket({ resolve: () => new Promise((resolve) => found.push(resolve)) })
    const errors: unknown[] = []
    socket.on('error', (error) => errors.push(error))
    socket.send('x', 7, 'far')
    const failed = new Promise((resolve) => socket.send('x', 7, 'far', resolve))
    socket.close()
    for (const resolve of found) resolve(FAR)
    expect(await failed).toMatchObject({ message: 'the socket is closed' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toEqual([])
  })

  test('is closed when the stack stops, and cannot be bound again', async () => {
    const { near, running } = await start()
    const socket = near.createSocket().bind()
    await once(socket, 'listening')
    const closed = once(socket, 'close')
    await running.stop()
    await closed
    await new Promise<void>((resolve) => socket.close(resolve))
    expect(await once(near.createSocket().bind(), 'error')).toMatchObject([{ code: 'ENETDOWN' }])
  })

  test('whose handler throws still hears what comes after', async () => {
    const { near, far } = await start()
    const server = far.bind({ port: 7 })
    const heard: string[] = []
    server.on('message', (bytes) => {
      heard.push(bytes.toString())
      if (heard.length === 1) throw new Error('a bug of the program')
    })
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const thrown = once(process, 'uncaughtException')
    const sender = near.createSocket()
    for (const text of ['one', 'two', 'three']) sender.send(text, 7, FAR)
    expect((await thrown)[0]).toMatchObject({ message: 'a bug of the program' })
    await new Promise((resolve) => setImmediate(resolve))
    for (const listener of others) process.on('uncaughtException', listener)
    expect(heard).toEqual(['one', 'two', 'three'])
  })
})
