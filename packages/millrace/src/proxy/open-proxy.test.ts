import { once } from 'node:events'
import { createServer } from 'node:net'
import { VirtualClock } from '@millrace/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { MemoryNetwork } from '../testing/memory-network.ts'
import { openProxy, type RunningProxy } from './open-proxy.ts'
import { type ProxyFlags, parseProxyFlag } from './plan.ts'
import { describeProxy, presentProxy } from './present.ts'

let outside: MemoryNetwork
let inside: MemoryNetwork

beforeEach(() => {
  outside = new MemoryNetwork()
  inside = new MemoryNetwork()
})

function open(flags: ProxyFlags): Promise<RunningProxy> {
  return openProxy({ flags, users: undefined, outside, inside, clock: new VirtualClock() })
}

const socks5 = parseProxyFlag.socks5('1080')
const forward = ['8080=10.7.0.5:80', 'udp:5353=10.7.0.1:53'].flatMap((text) => parseProxyFlag.forward(text))
const expose = ['80=3000', 'udp:10.7.0.2:53=5354'].flatMap((text) => parseProxyFlag.expose(text))

test('all that is asked for is open, said to people and programs, and closed at the end', async () => {
  const proxy = await open({ socks5, forward, expose })
  expect([outside.size, inside.size]).toEqual([3, 2])
  const shown = { opened: proxy.opened, addresses: ['10.7.0.2', 'fd07::2'], dns: [] }
  expect(presentProxy(shown)).toBe(`
  Through the tunnel, as 10.7.0.2 and fd07::2:

    SOCKS5  127.0.0.1:1080                           curl --socks5-hostname 127.0.0.1:1080 URL
    TCP     127.0.0.1:8080                           to 10.7.0.5:80 in the tunnel
    UDP     127.0.0.1:5353                           to 10.7.0.1:53 in the tunnel
    TCP     10.7.0.2:80, [fd07::2]:80 in the tunnel  to 127.0.0.1:3000
    UDP     10.7.0.2:53 in the tunnel                to 127.0.0.1:5354

  Names inside the tunnel: cannot be looked up, the configuration has no DNS
  To stop: Ctrl-C

`)
  expect(presentProxy({ ...shown, dns: ['10.7.0.1'] })).toContain('Names inside the tunnel: looked up at 10.7.0.1\n')
  expect(describeProxy(shown)).toEqual({
    event: 'ready',
    addresses: ['10.7.0.2', 'fd07::2'],
    dns: [],
    listeners: [
      { option: 'socks5', protocol: 'tcp', listen: '127.0.0.1:1080' },
      { option: 'forward', protocol: 'tcp', listen: '127.0.0.1:8080', to: '10.7.0.5:80' },
      { option: 'forward', protocol: 'udp', listen: '127.0.0.1:5353', to: '10.7.0.1:53' },
      { option: 'expose', protocol: 'tcp', listen: '[::]:80', to: '127.0.0.1:3000' },
      { option: 'expose', protocol: 'udp', listen: '10.7.0.2:53', to: '127.0.0.1:5354' },
    ],
  })
  await proxy.close()
  expect([outside.size, inside.size]).toEqual([0, 0])
})

describe('what cannot be opened is named, and nothing stays open', () => {
  test('a port that is in use', async () => {
    const twice = [...forward, ...parseProxyFlag.forward('8080=10.7.0.6:80')]
    const message = '--forward: 127.0.0.1:8080 is in use already; choose another port'
    await expect(open({ socks5, expose, forward: twice })).rejects.toThrow(message)
    expect([outside.size, inside.size]).toEqual([0, 0])
  })

  test('a port that is in use by another program', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { readonly port: number }
    const http = parseProxyFlag.http(String(port))
    await expect(open({ socks5, http })).rejects.toThrow(`--http: 127.0.0.1:${port} is in use already`)
    expect(outside.size).toBe(0)
    other.close()
  })

  test('an address of somebody else', async () => {
    const http = parseProxyFlag.http('192.0.2.1:8080')
    await expect(open({ socks5, http })).rejects.toThrow('--http: 192.0.2.1:8080 is not an address of this machine')
    expect(outside.size).toBe(0)
  })
})
