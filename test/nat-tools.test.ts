import { fileURLToPath } from 'node:url'
import { canEnterNetworkNamespace } from '@millrace/native/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { forward, GATEWAY, NatWorld, ROUTER } from './support/nat-world.ts'
import { cable, missingForNamespaces, type Namespace, needs } from './support/netns.ts'

const ECHO = fileURLToPath(new URL('support/nat-tcp-echo.mjs', import.meta.url))
const FAR_ROUTER = '192.0.2.2'
const SERVER = '198.51.100.7'
const HOPS = [GATEWAY, ROUTER, FAR_ROUTER, SERVER]
/** Of the cable between the two routers; the tunnel has 1420, the rest 1500. */
const NARROW = 1280

/** client -- nat() -- router -- narrow -- far router -- server. Made when the tests run, for namespaces need root. */
class Path {
  #world: NatWorld | undefined
  #server: Namespace | undefined

  get client(): Namespace {
    return (this.#world as NatWorld).client
  }

  get server(): Namespace {
    return this.#server as Namespace
  }

  async open(): Promise<void> {
    const world = new NatWorld()
    this.#world = world
    await world.start({})
    const far = world.add('far')
    const server = world.add('server')
    this.#server = server
    cable(world.router, 'narrow0', ['192.0.2.1/24'], far, 'narrow0', [`${FAR_ROUTER}/24`])
    cable(far, 'wide0', ['198.51.100.1/24'], server, 'wide0', [`${SERVER}/24`])
    for (const router of [world.router, far]) {
      forward(router)
      router.run('ip', 'link', 'set', 'narrow0', 'mtu', `${NARROW}`)
    }
    world.router.run('ip', 'route', 'add', '198.51.100.0/24', 'via', FAR_ROUTER)
    far.run('ip', 'route', 'add', 'default', 'via', '192.0.2.1')
    server.run('ip', 'route', 'add', 'default', 'via', '198.51.100.1')
  }

  async close(): Promise<void> {
    await this.#world?.close()
  }
}

const koffi = canEnterNetworkNamespace() ? [] : ['root and koffi']
const missing = [...missingForNamespaces('ping', 'traceroute', 'tracepath'), ...koffi]

describe.skipIf(missing.length > 0)(`what people look at a network with, through nat()${needs(missing)}`, () => {
  const path = new Path()
  beforeAll(() => path.open())
  afterAll(() => path.close())

  test.each([
    ['UDP', []],
    ['ICMP', ['-I']],
    ['TCP', ['-T', '-p', '80']],
  ])('traceroute with %s shows each hop once, the NAT as the gateway inside', async (_name, flags) => {
    const text = await path.client.exec('traceroute', '-n', '-q', '1', '-w', '5', ...flags, SERVER)
    const hops = [...text.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop)
    expect(hops).toEqual(HOPS)
  })

  test('a ping whose TTL ends at a hop is answered by that hop', async () => {
    for (const [i, hop] of HOPS.slice(0, -1).entries()) {
      // It counts as a failure that no reply came.
      const text = await path.client.exec('ping', '-n', '-c', '1', '-W', '5', '-t', `${i + 1}`, SERVER).catch(String)
      expect(text).toContain(`From ${hop} icmp_seq=1 Time to live exceeded`)
    }
  })

  test('ping -s 4000: fragments pass both ways', async () => {
    const text = await path.client.exec('ping', '-n', '-c', '3', '-i', '0.2', '-W', '5', '-s', '4000', SERVER)
    expect(text.match(new RegExp(`4008 bytes from ${SERVER}: icmp_seq=[123] ttl=61`, 'g'))?.length).toBe(3)
  })

  test('tracepath finds the narrow place behind the NAT', async () => {
    path.client.run('ip', 'route', 'flush', 'cache')
    const text = await path.client.exec('tracepath', '-n', SERVER)
    expect(text).toMatch(/1\?: \[LOCALHOST\] +pmtu 1420\n/)
    expect(text).toMatch(new RegExp(`3: {2}${ROUTER} .* pmtu ${NARROW}\n`))
    expect(text).toContain(`Resume: pmtu ${NARROW} hops 4 back 4`)
  })

  test('TCP finds the path MTU by the ICMP errors that come back through the NAT, and all arrives both ways', async () => {
    path.client.run('ip', 'route', 'flush', 'cache')
    const route = (): string => path.client.run('ip', 'route', 'get', SERVER)
    expect(route()).not.toContain('mtu')
    await path.server.start('node', ECHO, 'server', SERVER, '7').printed(/ready/)
    expect(await path.client.exec('node', ECHO, 'client', SERVER, '7', '2000000')).toBe('2000000\n')
    expect(route()).toContain(`mtu ${NARROW}`)
  })
})
