import { fileURLToPath } from 'node:url'
import { nat64, nat66, nptv6 } from '@millrace/layer-nat'
import { canEnterNetworkNamespace } from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GATEWAY, Ipv6World, NARROW, ROUTER, SERVER } from './support/nat-ipv6-world.ts'
import { missingForNamespaces, needs } from './support/netns.ts'

const TCP = fileURLToPath(new URL('support/nat-tcp-echo.mjs', import.meta.url))
const UDP = fileURLToPath(new URL('support/nat-udp-echo.mjs', import.meta.url))
const koffi = canEnterNetworkNamespace() ? [] : ['root and koffi']
const missing = [...missingForNamespaces('ping', 'traceroute'), ...koffi]

const gateway = { gatewayAddress: GATEWAY }
const kinds = [
  {
    name: 'nat64()',
    make: () => nat64({ address: '203.0.113.7', prefix: '2001:db8:64::/96', ...gateway }),
    server: '2001:db8:64::c633:6407',
    hops: [GATEWAY, '2001:db8:64::cb00:7101', '2001:db8:64::c633:6407'],
    listens: SERVER.four,
    // 20 bytes of header more than on the other side.
    mtu: NARROW + 20,
    passesFragmentsOfEcho: false,
  },
  {
    name: 'nat66()',
    make: () => nat66({ address: '2001:db8::7', ...gateway }),
    server: SERVER.six,
    hops: [GATEWAY, ROUTER.six, SERVER.six],
    listens: SERVER.six,
    mtu: NARROW,
    passesFragmentsOfEcho: true,
  },
  {
    name: 'nptv6()',
    make: () => nptv6({ inside: 'fd00:1::/48', outside: '2001:db8:1::/48', ...gateway }),
    server: SERVER.six,
    hops: [GATEWAY, ROUTER.six, SERVER.six],
    listens: SERVER.six,
    mtu: NARROW,
    passesFragmentsOfEcho: true,
  },
]

describe.skipIf(missing.length > 0).each(kinds)(
  `kernels on both sides of $name${needs(missing)}`,
  ({ make, server, hops, listens, mtu, passesFragmentsOfEcho }) => {
    let world: Ipv6World
    beforeAll(async () => {
      world = new Ipv6World()
      await world.start(make())
    })
    afterAll(() => world?.close())

    test('traceroute shows each hop once, the layer as the gateway inside', async () => {
      const text = await world.client.exec('traceroute', '-6', '-n', '-q', '1', '-w', '5', server)
      expect([...text.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop)).toEqual(hops)
    })

    const ping = (bytes: number, count: number): Promise<string> =>
      world.client.exec('ping', '-6', '-n', '-c', `${count}`, '-i', '0.2', '-W', '2', '-s', `${bytes}`, server)

    test('ping', async () => {
      const replies = (await ping(1000, 3)).match(new RegExp(`1008 bytes from ${server}: icmp_seq=[123] ttl=62`, 'g'))
      expect(replies?.length).toBe(3)
    })

    test('the client learns the size of a narrow place behind it, in terms of its own family', async () => {
      // It counts as a failure that no reply came.
      expect(await ping(1350, 1).catch(String)).toContain(`Packet too big: mtu=${mtu}`)
      expect(world.client.run('ip', '-6', 'route', 'get', server)).toContain(`mtu ${mtu} `)
    })

    test(passesFragmentsOfEcho ? 'a large ping passes' : 'a large ping does not pass (RFC 7915)', async () => {
      const text = await ping(4000, 2).catch(String)
      const replies = text.match(new RegExp(`4008 bytes from ${server}`, 'g'))
      expect(replies?.length ?? 0).toBe(passesFragmentsOfEcho ? 2 : 0)
    })

    test('datagrams in fragments pass both ways', async () => {
      await world.server.start('node', UDP, 'server', listens, '9').printed(/ready/)
      expect(await world.client.exec('node', UDP, 'client', server, '9', '4000')).toBe('4000\n')
    })

    test('TCP passes both ways', async () => {
      await world.server.start('node', TCP, 'server', listens, '7').printed(/ready/)
      expect(await world.client.exec('node', TCP, 'client', server, '7', '2000000')).toBe('2000000\n')
    })
  },
)
