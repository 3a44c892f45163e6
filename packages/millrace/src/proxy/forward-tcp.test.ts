import { VirtualClock } from '@millrace/core/testing'
import { beforeEach, expect, test, vi } from 'vitest'
import { collect, MemoryNetwork } from '../testing/memory-network.ts'
import { forwardTcp } from './forward-tcp.ts'

const soon = { interval: 1, timeout: 5000 }
const HERE = { host: '127.0.0.1', port: 8080 }
const THERE = { host: 'web.inside', port: 80 }

let from: MemoryNetwork
let into: MemoryNetwork

beforeEach(() => {
  from = new MemoryNetwork()
  into = new MemoryNetwork()
  into.names.set(THERE.host, '10.0.0.1')
})

const { signal } = new AbortController()
const open = () => forwardTcp({ from, listen: HERE, into, to: THERE, clock: new VirtualClock() })

test('a connection here is one there', async () => {
  await into.listen({ host: '10.0.0.1', port: 80 }, (connection) => connection.pipe(connection))
  const forward = await open()
  expect(forward.local).toEqual(HERE)
  const client = await from.connect(HERE, signal)
  const got = collect(client)
  client.end('hello')
  await vi.waitFor(() => expect(got.ended).toBe(true), soon)
  expect(got.text).toBe('hello')
  expect(into.dialled).toEqual([THERE])
})

test('it is reset if nobody is there, and the next is tried anew', async () => {
  await open()
  const client = await from.connect(HERE, signal)
  await vi.waitFor(() => expect(client.destroyed).toBe(true), soon)
  await into.listen({ host: '10.0.0.1', port: 80 }, (connection) => connection.end('now'))
  const got = collect(await from.connect(HERE, signal))
  await vi.waitFor(() => expect(got.text).toBe('now'), soon)
})

test('closing it ends its connections at both ends', async () => {
  await into.listen({ host: '10.0.0.1', port: 80 }, () => {})
  const forward = await open()
  const client = await from.connect(HERE, signal)
  await vi.waitFor(() => expect(into.opened).toHaveLength(1), soon)
  await forward.close()
  await vi.waitFor(() => expect([client.destroyed, into.opened[0]?.destroyed]).toEqual([true, true]), soon)
  expect(from.size).toBe(0)
})
