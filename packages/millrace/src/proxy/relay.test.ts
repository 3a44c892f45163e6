import { once } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { collect, connectionPair } from '../testing/memory-network.ts'
import { relay } from './relay.ts'

const soon = { interval: 1, timeout: 5000 }

/** A client and a server with a relay between them. */
function joined() {
  const [client, nearClient] = connectionPair()
  const [server, nearServer] = connectionPair()
  relay(nearClient, nearServer)
  return { client, server, near: [nearClient, nearServer] as const }
}

test('one way ends, the other goes on; when both have, everything is closed', async () => {
  const { client, server, near } = joined()
  const atServer = collect(server)
  const atClient = collect(client)
  client.end('question')
  await vi.waitFor(() => expect(atServer.ended).toBe(true), soon)
  expect(atServer.text).toBe('question')
  server.write('answer, ')
  await vi.waitFor(() => expect(atClient.text).toBe('answer, '), soon)
  expect(atClient.ended).toBe(false)
  server.end('and more')
  await vi.waitFor(() => expect(atClient.ended).toBe(true), soon)
  expect(atClient.text).toBe('answer, and more')
  await vi.waitFor(() => expect(near.map(({ destroyed }) => destroyed)).toEqual([true, true]), soon)
})

test('a reader that does not read stops the writer; nothing is lost when it goes on', async () => {
  const { client, server } = joined()
  let written = 0
  const block = Buffer.alloc(4096, 7)
  const fill = (): void => {
    while (written < 400) {
      written++
      if (!client.write(block)) return
    }
  }
  client.on('drain', fill)
  fill()
  await new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))))
  // Five streams on the way, of 16 KiB each.
  expect(written).toBeGreaterThan(4)
  expect(written).toBeLessThan(40)
  let read = 0
  server.on('data', (chunk: Buffer) => {
    read += chunk.length
  })
  await vi.waitFor(() => expect(written).toBe(400), soon)
  client.end()
  await once(server, 'end')
  expect(read).toBe(400 * block.length)
})

describe.each(['client', 'server'] as const)('the %s vanishes', (who) => {
  test('the other end is reset, and nothing is left', async () => {
    const ends = joined()
    const other = who === 'client' ? ends.server : ends.client
    const [nearClient, nearServer] = ends.near
    const nearOther = who === 'client' ? nearServer : nearClient
    const reset = vi.fn(() => nearOther.destroy())
    Object.assign(nearOther, { resetAndDestroy: reset })
    ends[who].destroy(new Error('gone'))
    await once(other, 'close')
    expect(reset).toHaveBeenCalledOnce()
    expect(ends.near.map(({ destroyed }) => destroyed)).toEqual([true, true])
  })
})

test('one that is gone before it is joined takes the other with it', () => {
  const [, one] = connectionPair()
  const [, other] = connectionPair()
  one.destroy()
  relay(one, other)
  expect(other.destroyed).toBe(true)
})
