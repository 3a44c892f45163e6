import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { collect } from '../testing/memory-network.ts'
import { localNetwork } from './local-network.ts'
import type { Connection } from './network.ts'

const soon = { interval: 2, timeout: 10_000 }
const ANY_PORT = { host: '127.0.0.1', port: 0 }
const { signal } = new AbortController()

test('TCP: connects and accepts, each half for itself', async () => {
  const accepted: Connection[] = []
  const listener = await localNetwork.listen(ANY_PORT, (connection) => accepted.push(connection))
  const client = await localNetwork.connect(listener.local, signal)
  await vi.waitFor(() => expect(accepted).toHaveLength(1), soon)
  const [server] = accepted as [Connection]
  const got = collect(client)
  client.end()
  server.resume()
  await once(server, 'end')
  server.end('still here')
  await vi.waitFor(() => expect(got.ended).toBe(true), soon)
  expect(got.text).toBe('still here')
  await listener.close()
  await expect(localNetwork.connect(listener.local, signal)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('TCP: what is no longer wanted is given up', async () => {
  const listener = await localNetwork.listen(ANY_PORT, () => {})
  const abort = new AbortController()
  const opening = localNetwork.connect(listener.local, abort.signal)
  abort.abort()
  await expect(opening).rejects.toMatchObject({ name: 'AbortError' })
  await expect(localNetwork.connect(listener.local, abort.signal)).rejects.toMatchObject({ name: 'AbortError' })
  await listener.close()
})

test('UDP: sends and receives; what does not arrive is nobody’s error', async () => {
  const got: unknown[] = []
  const one = await localNetwork.bind(ANY_PORT, (bytes, from) => got.push([Buffer.from(bytes).toString(), from]))
  const two = await localNetwork.bind(ANY_PORT, () => {})
  two.send(Buffer.alloc(70_000), one.local)
  two.send(Buffer.from('x'), { host: '127.0.0.1', port: 1 })
  two.send(Buffer.from('hello'), one.local)
  await vi.waitFor(() => expect(got).toEqual([['hello', two.local]]), soon)
  await Promise.all([one.close(), two.close()])
})

test('what cannot be bound says why', async () => {
  const one = await localNetwork.bind(ANY_PORT, () => {})
  await expect(localNetwork.bind(one.local, () => {})).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await one.close()
  const there = { host: '192.0.2.1', port: 0 }
  await expect(localNetwork.listen(there, () => {})).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
})

test('names and addresses are looked up', async () => {
  expect(await localNetwork.lookup('127.0.0.1')).toEqual(['127.0.0.1'])
  expect(await localNetwork.lookup('::1')).toEqual(['::1'])
})
