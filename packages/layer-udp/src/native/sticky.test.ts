import { LocalAddress, SocketAddress } from '@millrace/core'
import { loadNative } from '@millrace/native'
import { afterEach, describe, expect, test } from 'vitest'
import { type Arrival, UdpEnd } from '../test-support/udp-end.ts'

const cleanUp: (() => Promise<void> | void)[] = []

async function start(options = {}): Promise<UdpEnd> {
  const end = await UdpEnd.open({ native: true, ...options })
  cleanUp.push(() => end.stop())
  return end
}

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

const one = async (end: UdpEnd): Promise<Arrival> => (await end.take(1))[0] as Arrival

describe.skipIf(loadNative().system === undefined)('sticky sources (needs Linux, koffi)', () => {
  test.each(['127.0.0.1', '127.0.0.2', '127.0.0.77'])(
    'an answer leaves from %s, where the question came in',
    async (to) => {
      const [client, server] = [await start(), await start()]
      client.send(server.address(to), 'question')
      const question = await one(server)
      expect(question.local).toMatchObject({ family: 4, address: to, interfaceIndex: 1, usable: true })
      server.send(question.remote, 'answer', question.local)
      expect(String((await one(client)).remote)).toBe(String(server.address(to)))
      server.send(question.remote, 'without')
      expect((await one(client)).remote.address).toBe('127.0.0.1')
    },
  )

  test('a super-packet leaves from there too, and over IPv6 the interface is known as well', async () => {
    const [client, server] = [await start(), await start()]
    client.send(server.address('127.0.0.2'), 'question')
    const question = await one(server)
    server.send(question.remote, 'aabbc', question.local, 2)
    const answers = await client.take(3)
    expect(answers.map(({ text, remote }) => `${text} ${remote.address}`)).toEqual([
      'aa 127.0.0.2',
      'bb 127.0.0.2',
      'c 127.0.0.2',
    ])
    client.send(server.address('::1'), 'question')
    expect((await one(server)).local).toMatchObject({ family: 6, address: '::1', interfaceIndex: 1 })
  })

  test('the same two ends give the same objects, packet after packet', async () => {
    const [client, server] = [await start(), await start()]
    for (let i = 0; i < 100; i++) client.send(server.address(i % 2 === 0 ? '127.0.0.1' : '127.0.0.2'), 'x')
    const arrivals = await server.take(100)
    expect(new Set(arrivals.map(({ remote }) => remote)).size).toBe(2)
    expect(new Set(arrivals.map(({ local }) => local)).size).toBe(2)
  })

  test('a source of no use is given up, and the datagram leaves without it, once', async () => {
    const [client, server] = [await start(), await start()]
    for (const [family, source] of [
      [4, '192.0.2.99'],
      [6, '2001:db8::99'],
    ] as const) {
      const local = new LocalAddress(family, source, 0)
      const to = client.address(family === 4 ? '127.0.0.1' : '::1')
      server.send(to, 'hello', local)
      expect(await one(client)).toMatchObject({ text: 'hello', remote: { address: to.address } })
      expect(local.usable).toBe(false)
      server.send(to, 'again', local)
      expect((await one(client)).text).toBe('again')
    }
    expect(server.running.drops()).toEqual([])
    // Text that is no address does not throw.
    server.send(client.address('127.0.0.1'), 'odd', new LocalAddress(4, 'here', 0))
    expect((await one(client)).text).toBe('odd')
    server.send(new SocketAddress(4, 'there', 1), 'x')
    expect(server.dropped('no-such-address')).toBe(1)
  })
})
