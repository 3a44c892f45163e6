import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { bind, runtimeWith } from '@millrace/core'
import { Errno, loadNative, SYSTEM_CALLS, type SystemCalls } from '@millrace/native'
import { nativeSystem } from '@millrace/native/testing'
import { describe, expect, test } from 'vitest'
import type { MetricSample } from '../egress/metric.ts'
import type { ClientConnection } from '../test-support/client-end.ts'
import { RelayRig, until } from '../test-support/relay-rig.ts'
import type { SocketsOptions } from './options.ts'
import { sockets } from './sockets.ts'

/** A rig on a system of which some calls are replaced. */
function start(calls: Partial<SystemCalls>, options: SocketsOptions = {}): Promise<RelayRig> {
  return RelayRig.start(options, {}, runtimeWith(bind(SYSTEM_CALLS, { ...nativeSystem(), ...calls })))
}

/** Sends all of it, then the end. */
function send(client: ClientConnection, bytes: Uint8Array): void {
  let written = 0
  client.onWritable = () => {
    written += client.write(bytes.subarray(written))
    if (written === bytes.length) client.shutdown()
  }
}

/** What comes, put together. */
function collect(client: ClientConnection): Uint8Array[] {
  const pieces: Uint8Array[] = []
  client.onData = (bytes) => pieces.push(bytes.slice())
  return pieces
}

test('what cannot be is named', () => {
  const native = 'no' as unknown as boolean
  expect(() => sockets({ egressIp: '127.0.0.1', tcp: { native } })).toThrow(
    'sockets tcp native: expected true or false, got no',
  )
})

describe.skipIf(loadNative().system === undefined)('TCP outlets by system calls (needs Linux, koffi)', () => {
  const echo = (socket: Socket): unknown => socket.pipe(socket)

  test('calls that are interrupted are made again', async () => {
    const system = nativeSystem()
    let calls = 0
    const sometimes =
      (call: SystemCalls['readv']): SystemCalls['readv'] =>
      (...words) =>
        ++calls % 3 === 0 ? -Errno.EINTR : call(...words)
    await using rig = await start({ readv: sometimes(system.readv), writev: sometimes(system.writev) })
    const client = rig.dial(await rig.serve(echo))
    const bytes = randomBytes(1_000_000)
    const pieces = collect(client)
    send(client, bytes)
    await until(() => client.cause !== undefined)
    expect(client.cause).toBe('finished')
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  })

  test('a wait on a thread does as well', async () => {
    await using rig = await start({ eventLoop: undefined })
    const port = await rig.serve(echo)
    const clients = Array.from({ length: 50 }, () => rig.dial(port))
    for (const client of clients) send(client, randomBytes(20_000))
    await until(() => clients.every(({ cause }) => cause === 'finished'))
    expect(clients.map(({ received }) => received)).toEqual(clients.map(() => 20_000))
  })

  test.each([
    ['no descriptors', { socket: () => -Errno.EMFILE }, 'quota'],
    ['no port', { bind: () => -Errno.EADDRINUSE }, 'unreachable'],
    ['no leave to go out', { connect: () => -Errno.EPERM }, 'policy'],
    ['no watch', { epollControl: () => -Errno.ENOMEM }, 'quota'],
  ] as const)('a dial that is given %s ends so, and nothing stays open', async (_what, calls, reason) => {
    const system = nativeSystem()
    const open = new Set<number>()
    const counted: Partial<SystemCalls> = {
      socket: (...words) => {
        const fd = system.socket(...words)
        open.add(fd)
        return fd
      },
      close: (fd) => {
        open.delete(fd)
        return system.close(fd)
      },
    }
    await using rig = await start({ ...counted, ...calls })
    open.clear()
    rig.dial(9)
    const ended = (): readonly MetricSample[] =>
      rig.end.metrics().find(({ name }) => name === 'egress_flows_closed_total')?.samples ?? []
    await until(() => ended().some(({ value }) => value > 0))
    expect(ended()).toContainEqual({ labels: { reason }, value: 1 })
    expect(rig.end.statistics()).toMatchObject({ flows: 0, dials: 0 })
    expect(open).toEqual(new Set())
  })

  test('a flow that has much to bring does not keep the others waiting', async () => {
    await using rig = await RelayRig.start({}, { receiveBuffer: 2 ** 22 })
    const much = randomBytes(30_000_000)
    const order: string[] = []
    const port = await rig.serve((socket) => {
      socket.once('data', (bytes) => socket.end(bytes.toString() === 'much' ? much : 'little'))
    })
    const large = rig.dial(port)
    large.onWritable = () => {
      large.onWritable = () => {}
      large.write(Buffer.from('much'))
    }
    await until(() => large.received > 0)
    const small = rig.dial(port)
    small.onData = () => order.push('little')
    small.onWritable = () => {
      small.onWritable = () => {}
      small.write(Buffer.from('little'))
    }
    large.onData = () => {
      if (large.received === much.length) order.push('much')
    }
    await until(() => order.length === 2)
    expect(order).toEqual(['little', 'much'])
  })

  test('nothing of a stream is held outside of the buffers of the TCP', async () => {
    await using rig = await RelayRig.start({ tcp: { sendBuffer: 65_536 } }, { receiveBuffer: 4096 })
    const port = await rig.serve((socket) => socket.end(randomBytes(1_000_000)))
    const client = rig.dial(port)
    client.paused = true
    // The buffer, which may begin and end inside of a piece of memory.
    await until(() => (rig.end.statistics()?.tcp.memory ?? 0) >= 65_536)
    expect(rig.end.statistics()?.tcp.memory).toBeLessThanOrEqual(65_536 + 16_384)
    client.paused = false
    client.drain()
    await until(() => client.ended)
    expect(client.received).toBe(1_000_000)
    await until(() => rig.end.statistics()?.tcp.memory === 0)
  })

  test('that a server is gone after its end is told at once', async () => {
    await using rig = await RelayRig.start()
    let server: Socket | undefined
    const port = await rig.serve((socket) => {
      server = socket
      socket.end('all')
    })
    const client = rig.dial(port)
    await until(() => client.ended)
    server?.destroy()
    // The answer to this is a RST.
    client.write(Buffer.from('too late'))
    await until(() => client.cause !== undefined)
    expect([client.cause, client.received]).toEqual(['reset', 3])
  })
})
