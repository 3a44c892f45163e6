import { VirtualClock } from '@millrace/core/testing'
import { beforeEach, expect, test, vi } from 'vitest'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { forwardUdp } from './forward-udp.ts'
import type { Listener } from './network.ts'

const soon = { interval: 1, timeout: 5000 }
const HERE = { host: '127.0.0.1', port: 5353 }
const THERE = { host: 'dns.inside', port: 53 }
const MINUTES = 60_000

let from: MemoryNetwork
let into: MemoryNetwork
let clock: VirtualClock
let forward: Listener
/** `port text` of what the server there has got. */
let heard: string[]

beforeEach(async () => {
  from = new MemoryNetwork()
  into = new MemoryNetwork()
  clock = new VirtualClock()
  heard = []
  into.names.set(THERE.host, '10.0.0.1')
  const server = await into.bind({ host: '10.0.0.1', port: 53 }, (bytes, client) => {
    heard.push(`${client.port} ${Buffer.from(bytes)}`)
    server.send(Buffer.concat([Buffer.from('re: '), bytes]), client)
  })
  forward = await forwardUdp({ from, listen: HERE, into, to: THERE, clock })
})

async function makeClient() {
  const got: string[] = []
  const port = await from.bind({ host: '127.0.0.9', port: 0 }, (bytes) => got.push(Buffer.from(bytes).toString()))
  return { got, send: (text: string) => port.send(Buffer.from(text), HERE) }
}

/** Ports that flows have. */
const flows = (): number => into.size - 1

test('each client has a port of its own, and its own answers', async () => {
  const [one, two] = [await makeClient(), await makeClient()]
  for (const text of ['a', 'b']) one.send(text)
  two.send('c')
  await vi.waitFor(() => expect([one.got, two.got]).toEqual([['re: a', 're: b'], ['re: c']]), soon)
  expect(new Set(heard.map((line) => line.split(' ')[0])).size).toBe(2)
  expect(flows()).toBe(2)
})

test('only the target is heard', async () => {
  const client = await makeClient()
  client.send('a')
  await vi.waitFor(() => expect(client.got).toHaveLength(1), soon)
  const to = { host: '10.0.0.2', port: Number(heard[0]?.split(' ')[0]) }
  for (const host of ['10.0.0.7', '10.0.0.1']) {
    const stranger = await into.bind({ host, port: 0 }, () => {})
    stranger.send(Buffer.from('strange'), to)
  }
  client.send('b')
  await vi.waitFor(() => expect(client.got).toContain('re: b'), soon)
  expect(client.got).not.toContain('strange')
})

test('a flow ends five minutes after its last datagram', async () => {
  const [one, two] = [await makeClient(), await makeClient()]
  one.send('a')
  two.send('b')
  await vi.waitFor(() => expect([one.got.length, two.got.length]).toEqual([1, 1]), soon)
  clock.advance(4 * MINUTES)
  one.send('again')
  await vi.waitFor(() => expect(one.got).toHaveLength(2), soon)
  clock.advance(MINUTES)
  await vi.waitFor(() => expect(flows()).toBe(1), soon)
  clock.advance(4 * MINUTES - 1)
  await new Promise((resolve) => setImmediate(resolve))
  expect(flows()).toBe(1)
  clock.advance(1)
  await vi.waitFor(() => expect(flows()).toBe(0), soon)
  one.send('anew')
  await vi.waitFor(() => expect(one.got).toHaveLength(3), soon)
})

test('1,024 flows; the next takes the place of the one that has been quiet longest', async () => {
  const clients = await Promise.all(Array.from({ length: 1025 }, makeClient))
  for (const client of clients.slice(0, 1024)) client.send('x')
  await vi.waitFor(() => expect(flows()).toBe(1024), soon)
  clients[0]?.send('busy')
  await vi.waitFor(() => expect(clients[0]?.got).toHaveLength(2), soon)
  const [first] = heard
  clients[1024]?.send('y')
  await vi.waitFor(() => expect(clients[1024]?.got).toHaveLength(1), soon)
  expect(flows()).toBe(1024)
  clients[0]?.send('still')
  clients[1]?.send('anew')
  await vi.waitFor(() => expect(heard.slice(-2).map((line) => line.split(' ')[1])).toEqual(['still', 'anew']), soon)
  expect(heard.at(-2)?.split(' ')[0]).toBe(first?.split(' ')[0])
})

test('what cannot be looked up is lost, and tried anew with the next; sixteen wait, not more', async () => {
  into.names.clear()
  const client = await makeClient()
  client.send('lost')
  await vi.waitFor(() => expect(heard).toEqual([]), soon)
  await new Promise((resolve) => setImmediate(resolve))
  let found: (address: readonly [string]) => void = () => {}
  vi.spyOn(into, 'lookup').mockReturnValue(
    new Promise((resolve) => {
      found = resolve
    }),
  )
  for (let i = 0; i < 20; i++) client.send(String(i))
  await new Promise((resolve) => setImmediate(resolve))
  found(['10.0.0.1'])
  await vi.waitFor(() => expect(client.got).toHaveLength(16), soon)
  expect(client.got).toEqual(Array.from({ length: 16 }, (_, i) => `re: ${i}`))
})

test('closing it closes all, what is being opened included', async () => {
  const [one, two] = [await makeClient(), await makeClient()]
  one.send('a')
  await vi.waitFor(() => expect(one.got).toHaveLength(1), soon)
  two.send('b')
  await Promise.resolve()
  await forward.close()
  await vi.waitFor(() => expect(flows()).toBe(0), soon)
  expect(from.size).toBe(2)
})
