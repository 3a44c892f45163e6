import { VirtualClock } from '@millrace/core/testing'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { CLIENT, collect, connectionPair, MemoryNetwork } from '../testing/memory-network.ts'
import type { Connection } from './network.ts'
import { socksAddress } from './socks-address.ts'
import { SocksServer } from './socks-server.ts'

const soon = { interval: 1, timeout: 5000 }
const ECHO = { host: '10.0.0.2', port: 53 }
const HEAD = Buffer.of(0, 0, 0)

let outside: MemoryNetwork
let inside: MemoryNetwork
let server: SocksServer
/** What the echo server inside has got. */
let heard: string[]

beforeEach(async () => {
  outside = new MemoryNetwork()
  inside = new MemoryNetwork()
  server = new SocksServer(undefined, { outside, inside, clock: new VirtualClock() })
  heard = []
  const echo = await inside.bind({ host: ECHO.host, port: ECHO.port }, (bytes, from) => {
    heard.push(Buffer.from(bytes).toString())
    echo.send(Buffer.concat([Buffer.from('re: '), bytes]), from)
  })
})

/** Asks for an association; `port` is from where the client says it will send. */
async function associate(port = 0): Promise<{ readonly control: Connection; readonly relayPort: number }> {
  const [control, accepted] = connectionPair()
  const got = collect(control)
  server.accept(accepted)
  control.write(Buffer.concat([Buffer.of(5, 1, 0), Buffer.of(5, 3, 0), socksAddress({ host: '0.0.0.0', port })]))
  await vi.waitFor(() => expect(got.bytes.length).toBe(12), soon)
  expect(got.bytes.subarray(2, 10).toString('hex')).toBe('050000017f000001')
  return { control, relayPort: got.bytes.readUInt16BE(10) }
}

async function clientPort(host = CLIENT.host) {
  const got: Buffer[] = []
  const port = await outside.bind({ host, port: 0 }, (bytes) => got.push(Buffer.from(bytes)))
  return { ...port, got }
}

function datagram(text: string, to: Buffer = socksAddress(ECHO), head: Buffer = HEAD): Buffer {
  return Buffer.concat([head, to, Buffer.from(text)])
}

test('datagrams go in and come back with the address they are from', async () => {
  const { relayPort } = await associate()
  const client = await clientPort()
  client.send(datagram('one'), { host: '127.0.0.1', port: relayPort })
  await vi.waitFor(() => expect(client.got).toHaveLength(1), soon)
  expect(client.got[0]).toEqual(datagram('re: one'))
})

test('a name is looked up by the network it leads to', async () => {
  inside.names.set('dns.inside', ECHO.host)
  const { relayPort } = await associate()
  const client = await clientPort()
  const name = (text: string): Buffer => Buffer.concat([Buffer.of(3, text.length), Buffer.from(text), Buffer.of(0, 53)])
  client.send(datagram('lost', name('nobody')), { host: '127.0.0.1', port: relayPort })
  client.send(datagram('named', name('dns.inside')), { host: '127.0.0.1', port: relayPort })
  await vi.waitFor(() => expect(client.got).toEqual([datagram('re: named')]), soon)
  expect(heard).toEqual(['named'])
})

describe('what is dropped', () => {
  test.each([
    ['a fragment', datagram('x', socksAddress(ECHO), Buffer.of(0, 0, 1))],
    ['the end of fragments', datagram('x', socksAddress(ECHO), Buffer.of(0, 0, 0x81))],
    ['nothing', Buffer.alloc(0)],
    ['half an address', Buffer.of(0, 0, 0, 1, 10, 0)],
    ['an address of no type', Buffer.of(0, 0, 0, 9, 10, 0, 0, 2, 0, 53)],
    ['port 0', datagram('x', socksAddress({ ...ECHO, port: 0 }))],
  ])('%s', async (_what, bytes) => {
    const { relayPort } = await associate()
    const client = await clientPort()
    client.send(bytes, { host: '127.0.0.1', port: relayPort })
    client.send(datagram('good'), { host: '127.0.0.1', port: relayPort })
    await vi.waitFor(() => expect(client.got).toHaveLength(1), soon)
    expect(heard).toEqual(['good'])
  })

  test.each([
    ['from another address', 0],
    ['from another port than was said', 7],
    ['from another port than the first', undefined],
  ])('%s', async (what, said) => {
    const client = await clientPort()
    const stranger = await clientPort(what === 'from another address' ? '127.0.0.77' : CLIENT.host)
    const { relayPort } = await associate(said === 7 ? client.local.port : 0)
    const to = { host: '127.0.0.1', port: relayPort }
    if (said === undefined) client.send(datagram('first'), to)
    stranger.send(datagram('strange'), to)
    client.send(datagram('good'), to)
    await vi.waitFor(() => expect(heard).toContain('good'), soon)
    expect(heard).not.toContain('strange')
    expect(stranger.got).toEqual([])
  })
})

describe('it lasts as long as the connection that asked for it', () => {
  test.each(['end', 'destroy'] as const)('%s', async (how) => {
    const before = [outside.size, inside.size]
    const { control } = await associate()
    expect([outside.size, inside.size]).toEqual(before.map((size) => size + 1))
    control[how]()
    await vi.waitFor(() => expect([outside.size, inside.size]).toEqual(before), soon)
    expect(server.connections).toBe(0)
  })

  test('also when it is gone before there is one', async () => {
    const before = [outside.size, inside.size]
    const [control, accepted] = connectionPair()
    server.accept(accepted)
    control.write(Buffer.concat([Buffer.of(5, 1, 0), Buffer.of(5, 3, 0), socksAddress({ host: '0.0.0.0', port: 0 })]))
    accepted.once('pause', () => accepted.destroy())
    await vi.waitFor(() => expect(server.connections).toBe(0), soon)
    await vi.waitFor(() => expect([outside.size, inside.size]).toEqual(before), soon)
  })
})

test('256 associations and no more', async () => {
  for (let i = 0; i < 256; i++) await associate()
  const [control, accepted] = connectionPair()
  const got = collect(control)
  server.accept(accepted)
  control.write(Buffer.concat([Buffer.of(5, 1, 0), Buffer.of(5, 3, 0), socksAddress({ host: '0.0.0.0', port: 0 })]))
  await vi.waitFor(() => expect(got.bytes.length).toBe(12), soon)
  expect(got.bytes[3]).toBe(1)
})
