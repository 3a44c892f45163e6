import { bind, CLOCK, type IpPacket, type RunningStack, runtimeWith, stack } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/core/testing'
import { type NetstackEndpoint, netstack } from '@millrace/layer-netstack'
import { type Answer, encode } from 'dns-packet'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NameServer } from '../../testing/name-server.ts'
import { lookupWith } from '../lookup.ts'
import { Resolver } from './resolver.ts'

const SERVER = '10.8.0.1'
const OTHER = '10.8.0.3'

let clock: VirtualClock
let near: NetstackEndpoint
let far: NetstackEndpoint
let running: RunningStack

beforeEach(async () => {
  clock = new VirtualClock()
  const tcp = { memory: 2 ** 22, connections: 64 }
  near = netstack({ addresses: ['10.8.0.2', 'fd08::2'], tcp })
  far = netstack({ addresses: [SERVER, OTHER], tcp })
  const pool = { slots: 256, jumboSlots: 8 }
  running = await stack<IpPacket>(near, { runtime: runtimeWith(bind(CLOCK, clock)), pool })
    .end(far)
    .start()
})
afterEach(async () => {
  await running.stop()
  expect(running.pool.inUse).toBe(0)
})

const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, ttl, data })
const aaaa = (name: string, data: string, ttl = 60): Answer => ({ type: 'AAAA', name, ttl, data })

function resolverOf(servers: readonly string[], search: readonly string[] = [], host = near): Resolver {
  return new Resolver({ host, servers, search, clock, random: new SeededRandom(7), timeout: 1000 })
}

/** Lets time pass until the promise is settled; what it comes to, or the error. */
async function settled<T>(promise: Promise<T>): Promise<T | Error> {
  let outcome: { readonly value: T | Error } | undefined
  promise.then(
    (value) => {
      outcome = { value }
    },
    (error) => {
      outcome = { value: error }
    },
  )
  for (let turns = 0; outcome === undefined && turns < 10_000; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1)
  }
  if (outcome === undefined) throw new Error('settled in time')
  return outcome.value
}

describe('a name', () => {
  test('has the addresses that the server says, IPv6 first, for as long as it says', async () => {
    const records = {
      'x.example A': [a('x.example', '192.0.2.1', 30)],
      'x.example AAAA': [aaaa('X.Example', '2001:db8::1', 90)],
    }
    const server = new NameServer(far, { records })
    const resolver = resolverOf([SERVER])
    const both = [
      { address: '2001:db8::1', family: 6 },
      { address: '192.0.2.1', family: 4 },
    ]
    expect(await settled(resolver.resolve('x.example'))).toEqual(both)
    expect(await settled(resolver.resolve('X.EXAMPLE.'))).toEqual(both)
    expect(server.asked.sort()).toEqual(['udp x.example A', 'udp x.example AAAA'])
    clock.advance(31_000)
    expect(await settled(resolver.resolve('x.example', 4))).toEqual([both[1]])
    expect(await settled(resolver.resolve('x.example'))).toEqual(both)
    expect(server.asked.length).toBe(3)
  })

  test('may be an alias; what the answer says of others is not believed', async () => {
    const records = {
      'www.example A': [
        { type: 'CNAME', name: 'www.example', ttl: 60, data: 'host.example' } as const,
        a('evil.example', '192.0.2.66'),
        a('host.example', '192.0.2.2'),
      ],
    }
    new NameServer(far, { records })
    expect(await settled(resolverOf([SERVER]).resolve('www.example'))).toEqual([{ address: '192.0.2.2', family: 4 }])
  })

  test('is asked for once, however many want it', async () => {
    const server = new NameServer(far, { records: { 'x.example A': [a('x.example', '192.0.2.1')] } })
    const resolver = resolverOf([SERVER])
    await settled(Promise.all(Array.from({ length: 20 }, () => resolver.resolve('x.example', 4))))
    expect(server.asked).toEqual(['udp x.example A'])
  })

  test('with an answer too long for UDP is asked for by TCP', async () => {
    const many = Array.from({ length: 200 }, (_, i) => a('x.example', `192.0.2.${i}`))
    const server = new NameServer(far, { records: { 'x.example A': many }, truncates: true })
    expect(await settled(resolverOf([SERVER]).resolve('x.example', 4))).toHaveLength(200)
    expect(server.asked).toEqual(['udp x.example A', 'tcp x.example A'])
  })

  test('without a dot is sought in the search domains first', async () => {
    const server = new NameServer(far, { records: { 'db.b.example A': [a('db.b.example', '192.0.2.1')] } })
    const resolver = resolverOf([SERVER], ['a.example', 'b.example'])
    expect(await settled(resolver.resolve('db', 4))).toEqual([{ address: '192.0.2.1', family: 4 }])
    expect(server.asked).toEqual(['udp db.a.example A', 'udp db.b.example A'])
  })

  test.each(['nowhere.example', 'localhost', 'x.localhost', '', 'a..b', `${'x'.repeat(64)}.example`, 'a b'])(
    'that nobody has is ENOTFOUND: "%s"',
    async (name) => {
      new NameServer(far, { records: {} })
      expect(await settled(resolverOf([SERVER]).resolve(name))).toMatchObject({
        code: 'ENOTFOUND',
        hostname: name,
        message: `lookup ENOTFOUND ${name}`,
      })
    },
  )

  test('that is an address stands for itself, and nobody is asked', async () => {
    const resolver = resolverOf([])
    expect(await settled(resolver.resolve('192.0.2.7'))).toEqual([{ address: '192.0.2.7', family: 4 }])
    expect(await settled(resolver.resolve('[2001:db8::7]'))).toEqual([{ address: '2001:db8::7', family: 6 }])
    expect(await settled(resolver.resolve('192.0.2.7', 6))).toMatchObject({ code: 'ENOTFOUND' })
  })

  test('without a server is an error that says so', async () => {
    expect(await settled(resolverOf([]).resolve('x.example'))).toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringContaining('names no DNS server'),
    })
  })
})

describe('servers', () => {
  const records = { 'x.example A': [a('x.example', '192.0.2.1')] }

  test('the next is asked when one is silent, refuses, fails or is not reached', async () => {
    far.bind({ port: 53, address: SERVER })
    new NameServer(far, { records, address: OTHER })
    expect(await settled(resolverOf([SERVER, OTHER]).resolve('x.example', 4))).toHaveLength(1)
    expect(clock.now()).toBeGreaterThanOrEqual(1000)
    // Nobody has the port there, nobody has the address, and no tunnel leads to the third.
    expect(await settled(resolverOf(['10.8.0.77', '127.0.0.1', OTHER]).resolve('x.example', 4))).toHaveLength(1)
  })

  test('one that fails is no answer; if all fail it may work later', async () => {
    const failing = new NameServer(far, { records, address: SERVER, rcode: 2 })
    const working = new NameServer(far, { records, address: OTHER })
    expect(await settled(resolverOf([SERVER, OTHER]).resolve('x.example', 4))).toHaveLength(1)
    expect([failing.asked.length, working.asked.length]).toEqual([1, 1])
    const error = await settled(resolverOf([SERVER]).resolve('x.example', 4))
    expect(error).toMatchObject({ code: 'EAI_AGAIN', cause: { message: '10.8.0.1 says SERVFAIL' } })
    expect(failing.asked.length).toBe(3)
  })

  test('answers that are forged are left aside', async () => {
    const [server, stranger] = [far.bind({ port: 53, address: SERVER }), far.bind({ port: 53, address: OTHER })]
    const ports = new Set<number>()
    const ids = new Set<number>()
    server.on('message', (bytes: Buffer, { address, port }: { address: string; port: number }) => {
      const id = bytes.readUInt16BE()
      ports.add(port)
      ids.add(id)
      const reply = (name: string, data: string, replyId = id): Buffer =>
        encode({ type: 'response', id: replyId, questions: [{ type: 'A', name }], answers: [a(name, data)] })
      stranger.send(reply('x.example', '192.0.2.66'), port, address)
      server.send(reply('x.example', '192.0.2.66', (id + 1) & 0xffff), port, address)
      server.send(reply('y.example', '192.0.2.66'), port, address)
      server.send(Buffer.from('garbage'), port, address)
      server.send(reply('x.example', '192.0.2.1'), port, address)
    })
    for (let i = 0; i < 20; i++) {
      const found = await settled(resolverOf([SERVER]).resolve('x.example', 4))
      expect(found).toEqual([{ address: '192.0.2.1', family: 4 }])
    }
    // The same seed gives the same identifiers; ports are drawn by the host.
    expect([ports.size, ids.size]).toEqual([20, 1])
  })
})

describe('as dns.lookup', () => {
  test.each([
    [{}, ['2001:db8::1', 6]],
    [4, ['192.0.2.1', 4]],
    [{ family: 'IPv4' as const }, ['192.0.2.1', 4]],
    [{ all: true, family: 4 }, [[{ address: '192.0.2.1', family: 4 }], undefined]],
  ])('with %j', async (options, expected) => {
    const records = {
      'x.example A': [a('x.example', '192.0.2.1')],
      'x.example AAAA': [aaaa('x.example', '2001:db8::1')],
    }
    new NameServer(far, { records })
    const resolver = resolverOf([SERVER])
    const result = new Promise((resolve) =>
      lookupWith(resolver, 'x.example', options, (error, address, family) => resolve([error, address, family])),
    )
    expect(await settled(result)).toEqual([null, ...expected])
  })

  test('a failure is its first argument', async () => {
    const result = new Promise((resolve) => lookupWith(resolverOf([SERVER]), 'localhost', (error) => resolve(error)))
    expect(await settled(result)).toMatchObject({ code: 'ENOTFOUND' })
  })
})
