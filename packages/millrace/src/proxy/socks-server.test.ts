import { VirtualClock } from '@millrace/core/testing'
import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENT, collect, connectionPair, MemoryNetwork } from '../testing/memory-network.ts'
import type { Connection } from './network.ts'
import { socksAddress } from './socks-address.ts'
import { SocksServer } from './socks-server.ts'
import { Users } from './users.ts'

const soon = { interval: 1, timeout: 5000 }
const GREETING = Buffer.of(5, 1, 0)
const GOOD = '05000001'

let outside: MemoryNetwork
let inside: MemoryNetwork
let clock: VirtualClock
let server: SocksServer

beforeEach(() => {
  outside = new MemoryNetwork()
  inside = new MemoryNetwork()
  clock = new VirtualClock()
  server = new SocksServer(undefined, { outside, inside, clock })
})

function request(command: number, host: string, port: number): Buffer {
  const head = Buffer.of(5, command, 0)
  if (/^[\d.]+$|:/.test(host)) return Buffer.concat([head, socksAddress({ host, port })])
  return Buffer.concat([head, Buffer.of(3, host.length), Buffer.from(host), Buffer.of(port >> 8, port & 255)])
}

/** A client of the server. */
function join(to: SocksServer = server): Connection {
  const [client, accepted] = connectionPair()
  to.accept(accepted)
  return client
}

/** What the server replies behind the choice of a method, as hex; RFC 1928 §6. */
async function replyTo(bytes: Buffer, client: Connection = join()): Promise<string> {
  const got = collect(client)
  client.write(Buffer.concat([GREETING, bytes]))
  await vi.waitFor(() => expect(got.bytes.length).toBeGreaterThanOrEqual(12), soon)
  expect(got.bytes.subarray(0, 2)).toEqual(Buffer.of(5, 0))
  return got.bytes.subarray(2).toString('hex')
}

describe('CONNECT', () => {
  test.each(['10.0.0.1', 'fd00::1', 'web.inside'])(
    'to %s: the name goes to the other network as it is',
    async (host) => {
      inside.names.set('web.inside', '10.0.0.1')
      await inside.listen({ host: '10.0.0.1', port: 80 }, (connection) => connection.pipe(connection))
      const client = join()
      const got = collect(client)
      // Some do not wait for the reply.
      client.write(Buffer.concat([GREETING, request(1, host, 80), Buffer.from('hello')]))
      await vi.waitFor(() => expect(got.text).toMatch(/hello$/), soon)
      const bound = socksAddress(CLIENT).toString('hex')
      expect(got.bytes.toString('hex')).toBe(`0500050000${bound}${Buffer.from('hello').toString('hex')}`)
      expect(inside.dialled).toEqual([{ host, port: 80 }])
      expect(outside.dialled).toEqual([])
      client.end()
      await vi.waitFor(() => expect(got.ended).toBe(true), soon)
      await vi.waitFor(() => expect(server.connections).toBe(0), soon)
    },
  )

  test.each([
    ['EACCES', 2],
    ['ENETUNREACH', 3],
    ['EHOSTUNREACH', 4],
    ['ENOTFOUND', 4],
    ['EAI_AGAIN', 4],
    ['ECONNREFUSED', 5],
    ['ETIMEDOUT', 6],
    ['EMFILE', 1],
  ])('%s is reply %i', async (code, reply) => {
    inside.failures.set('10.0.0.1', code)
    const client = join()
    const got = collect(client)
    client.write(Buffer.concat([GREETING, request(1, '10.0.0.1', 80)]))
    await vi.waitFor(() => expect(got.ended).toBe(true), soon)
    expect(got.bytes.toString('hex')).toBe(`050005${reply.toString(16).padStart(2, '0')}0001000000000000`)
  })

  test('nobody answers: reply 6 after half a minute', async () => {
    inside.failures.set('10.0.0.1', 'silent')
    const client = join()
    const got = collect(client)
    client.write(Buffer.concat([GREETING, request(1, '10.0.0.1', 80)]))
    await vi.waitFor(() => expect(inside.dialled).toHaveLength(1), soon)
    clock.advance(29_999)
    expect(got.bytes.length).toBe(2)
    clock.advance(1)
    await vi.waitFor(() => expect(got.bytes.subarray(2, 4)).toEqual(Buffer.of(5, 6)), soon)
  })

  test('the client vanishes meanwhile: what comes of it is reset', async () => {
    let answer: (connection: Connection) => void = () => {}
    vi.spyOn(inside, 'connect').mockReturnValue(
      new Promise((resolve) => {
        answer = resolve
      }),
    )
    const client = join()
    client.write(Buffer.concat([GREETING, request(1, '10.0.0.1', 80)]))
    await vi.waitFor(() => expect(inside.connect).toHaveBeenCalled(), soon)
    client.destroy()
    await vi.waitFor(() => expect(server.connections).toBe(0), soon)
    const [late] = connectionPair()
    answer(late)
    await vi.waitFor(() => expect(late.destroyed).toBe(true), soon)
  })

  test('with users, only with the password', async () => {
    inside.names.set('web', '10.0.0.1')
    await inside.listen({ host: '10.0.0.1', port: 80 }, () => {})
    const closed = new SocksServer(Users.parse('ann:secret', '--auth'), { outside, inside, clock })
    const login = (password: string): Buffer =>
      Buffer.concat([Buffer.of(1, 3), Buffer.from('ann'), Buffer.of(password.length), Buffer.from(password)])
    for (const [password, expected] of [
      ['secret', `05020100${GOOD}`],
      ['sesame', '05020101'],
    ] as const) {
      const client = join(closed)
      const got = collect(client)
      client.write(Buffer.concat([Buffer.of(5, 2, 0, 2), login(password), request(1, 'web', 80)]))
      await vi.waitFor(() => expect(got.bytes.length).toBeGreaterThanOrEqual(expected.length / 2), soon)
      expect(got.bytes.toString('hex').slice(0, 16)).toBe(expected)
    }
    expect(inside.dialled).toHaveLength(1)
  })
})

describe('bounds', () => {
  test('who has not said what it wants after ten seconds is let go', async () => {
    const clients = [Buffer.alloc(0), GREETING, Buffer.concat([GREETING, Buffer.of(5, 1, 0, 3, 200)])].map((bytes) => {
      const client = join()
      client.write(bytes)
      client.resume()
      return client
    })
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(9999)
    expect(server.connections).toBe(3)
    clock.advance(1)
    await vi.waitFor(() => expect(clients.map(({ destroyed }) => destroyed)).toEqual([true, true, true]), soon)
    expect(server.connections).toBe(0)
  })

  test('who has been refused and stays is let go', async () => {
    const client = join()
    expect(await replyTo(request(2, '10.0.0.1', 80), client)).toMatch(/^0507/)
    clock.advance(10_000)
    await vi.waitFor(() => expect(server.connections).toBe(0), soon)
  })

  test('1,024 connections and no more; closing ends all', async () => {
    const clients = Array.from({ length: 1025 }, () => join())
    expect(server.connections).toBe(1024)
    await vi.waitFor(() => expect(clients[1024]?.destroyed).toBe(true), soon)
    server.close()
    await vi.waitFor(() => expect(clients.every(({ destroyed }) => destroyed)).toBe(true), soon)
    expect(server.connections).toBe(0)
  })

  test('hostile and half-written input: nothing is thrown, and nothing is left', async () => {
    await inside.listen({ host: '10.0.0.1', port: 80 }, (connection) => connection.pipe(connection))
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(GREETING, request(1, '10.0.0.1', 80), request(3, '0.0.0.0', 0), request(1, 'x', 1)),
    )
    const ending = fc.constantFrom('end', 'destroy')
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 6 }), ending, async (pieces, how) => {
        const server = new SocksServer(undefined, { outside, inside, clock })
        const client = join(server)
        client.resume()
        for (const bytes of pieces) {
          client.write(bytes)
          await new Promise((resolve) => setImmediate(resolve))
        }
        client[how]()
        await vi.waitFor(() => expect(server.connections).toBe(0), soon)
        await vi.waitFor(() => expect([outside.size, inside.size]).toEqual([0, 1]), soon)
      }),
      { numRuns: 100 },
    )
  })
})
