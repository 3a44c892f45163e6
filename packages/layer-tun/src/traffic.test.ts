import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type Endpoint, filter, type IpPacket, type RunningStack, type Service, stack } from '@millrace/core'
import { canEnterNetworkNamespace, enterNetworkNamespace, type NetworkNamespace } from '@millrace/native/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { tun } from './tun.ts'

const runnable = existsSync('/dev/net/tun') && canEnterNetworkNamespace()

async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000 && !done(); turn++) await new Promise((next) => setImmediate(next))
}

/** Sends each packet back with source and destination exchanged, which leaves every checksum as it was. */
class Mirror implements Endpoint<IpPacket> {
  readonly name = 'mirror'
  served: (() => void) | undefined

  connect(stack: Service<IpPacket>): Service<IpPacket> {
    return {
      serve: (batch) => {
        for (const packet of batch) {
          const [from, size] = packet.version === 4 ? [packet.offset + 12, 4] : [packet.offset + 8, 16]
          const source = packet.memory.slice(from, from + size)
          packet.memory.copyWithin(from, from + size, from + 2 * size)
          packet.memory.set(source, from + size)
          packet.direction = 'up'
        }
        stack.serve(batch)
        this.served?.()
      },
    }
  }
}

describe.skipIf(!runnable)('traffic through a TUN (needs root, koffi, /dev/net/tun)', () => {
  let namespace: NetworkNamespace
  let running: RunningStack
  let mirror: Mirror
  let socket: Socket
  let answers: string[]

  beforeAll(() => {
    namespace = enterNetworkNamespace()
  })
  afterAll(() => namespace.leave())

  beforeEach(async () => {
    mirror = new Mirror()
    running = await stack(mirror)
      .layer(filter<IpPacket>((packet) => packet.destinationPort !== 25, { reason: 'smtp-blocked' }))
      .end(tun({ addresses: ['10.9.0.1/24', 'fd09::1/64'] }))
      .start()
    answers = []
  })
  afterEach(async () => {
    socket.close()
    await running.stop()
  })

  /** The mirror leaves ports as they are: this socket writes to its own port at the far address, and is answered there. */
  async function openSocket(family: 4 | 6): Promise<number> {
    socket = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 22 })
    socket.on('message', (message, { address, port }) => answers.push(`${address} ${port} ${message}`))
    socket.bind()
    await once(socket, 'listening')
    return socket.address().port
  }

  test.each([
    [4, '10.9.0.2'],
    [6, 'fd09::2'],
  ] as const)('UDP over IPv%i goes out and comes back, all of it, in order', async (family, far) => {
    const port = await openSocket(family)
    for (let i = 0; i < 400; i++) socket.send(`number ${i}`, port, far)
    socket.send('refused', 25, far)
    await until(() => answers.length === 400 && running.drops().length > 0)
    expect(answers).toEqual(Array.from({ length: 400 }, (_, i) => `${far} ${port} number ${i}`))
    expect(running.drops()).toEqual([{ line: 'filter', reason: 'smtp-blocked', packets: 1 }])
    expect(running.pool.inUse).toBe(0)
  })

  test('what waits in the TUN comes in batches, with turns for others in between', async () => {
    const port = await openSocket(4)
    const turns: number[] = []
    let turn = 0
    mirror.served = () => turns.push(turn)
    for (let i = 0; i < 300; i++) socket.send('x', port, '10.9.0.2')
    await until(() => {
      turn++
      return answers.length === 300
    })
    const down = running.edges().find(({ to }) => to === 'mirror')
    expect(down?.packets).toBe(300)
    expect(down?.batches).toBeLessThan(150)
    expect(down?.batches).toBeGreaterThanOrEqual(Math.ceil(300 / 64))
    expect(new Set(turns).size, 'no two batches in one turn').toBe(turns.length)
  })

  test('packets held by others cost drops, not the reader', async () => {
    const port = await openSocket(4)
    const held = Array.from({ length: running.pool.capacity }, () => running.pool.acquire(1))
    for (let i = 0; i < 100; i++) socket.send('lost', port, '10.9.0.2')
    const dropped = (): number => running.drops().find(({ reason }) => reason === 'pool-empty')?.packets ?? 0
    await until(() => dropped() === 100)
    expect(dropped()).toBe(100)
    for (const packet of held) packet?.release()
    socket.send('found', port, '10.9.0.2')
    await until(() => answers.length > 0)
    expect(answers).toEqual([`10.9.0.2 ${port} found`])
  })

  test('nothing is delivered once a layer has stopped the stack from within', async () => {
    const port = await openSocket(4)
    let batches = 0
    let stopped: Promise<void> | undefined
    mirror.served = () => {
      batches++
      stopped ??= running.stop()
    }
    for (let i = 0; i < 300; i++) socket.send('x', port, '10.9.0.2')
    await until(() => stopped !== undefined)
    await stopped
    const seen = batches
    for (let turn = 0; turn < 1000; turn++) await new Promise((next) => setImmediate(next))
    expect(batches).toBe(seen)
    expect(running.pool.inUse).toBe(0)
  })
})
