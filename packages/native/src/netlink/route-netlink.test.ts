import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  canEnterNetworkNamespace,
  enterNetworkNamespace,
  type NetworkNamespace,
  nativeSystem,
} from '../testing/index.ts'
import { RouteNetlink } from './route-netlink.ts'

const haveIp = spawnSync('ip', ['-V']).status === 0
const runnable = haveIp && canEnterNetworkNamespace()

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`)
}

/** The part of what iproute2 prints that is read below; the rest is matched as it is. */
interface Shown {
  readonly ifindex: number
  readonly ifname: string
  readonly flags: readonly string[]
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[]
}

function ipJson(...args: string[]): readonly Shown[] {
  const { stdout, stderr } = spawnSync('ip', ['-j', ...args], { encoding: 'utf8' })
  if (stderr !== '') throw new Error(`ip ${args.join(' ')}: ${stderr}`)
  return JSON.parse(stdout || '[]') as readonly Shown[]
}

describe.skipIf(!runnable)('RouteNetlink against iproute2 (needs root, koffi and ip)', () => {
  let namespace: NetworkNamespace
  let netlink: RouteNetlink
  let index: number

  beforeAll(() => {
    namespace = enterNetworkNamespace()
    netlink = new RouteNetlink(nativeSystem())
    ip('link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right')
    ip('link', 'set', 'right', 'up')
    // An address under duplicate address detection is not yet taken as a source.
    writeFileSync('/proc/sys/net/ipv6/conf/left/accept_dad', '0')
    index = netlink.linkIndex('left') as number
  })

  afterAll(() => namespace.leave())

  test('finds interfaces by name', () => {
    expect(index).toBe(ipJson('link', 'show', 'left')[0]?.ifindex)
    expect(netlink.linkIndex('nothing')).toBeUndefined()
    expect(netlink.links().map(({ name }) => name)).toEqual(ipJson('link').map((link) => link.ifname))
  })

  test('changes MTU, state and IPv6 address generation', () => {
    netlink.changeLink(index, { up: true, mtu: 1420, ipv6AddressGeneration: 'none' })
    const [shown] = ipJson('-d', 'link', 'show', 'left')
    expect(shown).toMatchObject({ mtu: 1420, flags: expect.arrayContaining(['UP']), inet6_addr_gen_mode: 'none' })
    expect(netlink.links().find(({ name }) => name === 'left')).toEqual({ index, name: 'left', mtu: 1420, up: true })
    expect(ipJson('-6', 'addr', 'show', 'dev', 'left')).toEqual([])
    netlink.changeLink(index, { up: false })
    expect(ipJson('link', 'show', 'left')[0]?.flags).not.toContain('UP')
    netlink.changeLink(index, { up: true })
  })

  test('adds addresses of both families and lists them all', () => {
    netlink.addAddress(index, '10.7.0.1/24')
    netlink.addAddress(index, 'fd07::1/64')
    ip('addr', 'add', '192.0.2.1', 'peer', '192.0.2.2', 'dev', 'left')
    const shown = ipJson('addr').flatMap((link) =>
      link.addr_info.map((info) => ({
        index: link.ifindex,
        interfaceName: link.ifname,
        family: info.family === 'inet' ? 4 : 6,
        address: info.local,
        // For a point-to-point address the length is that of the peer's, as iproute2 shows it too.
        prefixLength: info.prefixlen,
      })),
    )
    const sorted = (list: readonly object[]): string[] => list.map((item) => JSON.stringify(item)).sort()
    const ours = netlink.addresses().map(({ index, interfaceName, family, address, prefixLength }) => ({
      index,
      interfaceName,
      family,
      address,
      prefixLength,
    }))
    expect(sorted(ours)).toEqual(sorted(shown))
    expect(ours).toContainEqual({ index, interfaceName: 'left', family: 4, address: '10.7.0.1', prefixLength: 24 })
    expect(ours).toContainEqual({ index, interfaceName: 'left', family: 4, address: '192.0.2.1', prefixLength: 32 })
    expect(() => netlink.addAddress(index, '10.7.0.1/24')).toThrow(
      `cannot add address 10.7.0.1/24 to interface ${index}: it exists already (EEXIST`,
    )
  })

  test('adds, shows and deletes routes', () => {
    netlink.addRoute('10.20.0.0/16', { index })
    netlink.addRoute('198.51.100.0/24', { index, gateway: '10.7.0.254', metric: 50 })
    netlink.addRoute('10.30.0.0/16', { index, table: 51_820 })
    netlink.addRoute('2001:db8:1::/48', { index, gateway: 'fd07::2' })
    expect(ipJson('route', 'show', '10.20.0.0/16')).toMatchObject([{ dev: 'left', scope: 'link', protocol: 'static' }])
    expect(ipJson('route', 'show', '198.51.100.0/24')).toMatchObject([{ gateway: '10.7.0.254', metric: 50 }])
    expect(ipJson('route', 'show', 'table', '51820')).toMatchObject([{ dst: '10.30.0.0/16', dev: 'left' }])
    expect(ipJson('-6', 'route', 'show', '2001:db8:1::/48')).toMatchObject([{ gateway: 'fd07::2', dev: 'left' }])
    const shown4 = ipJson('-4', 'route', 'show', 'table', 'all')
    const shown6 = ipJson('-6', 'route', 'show', 'table', 'all')
    const routes = netlink.routes()
    expect(routes.filter(({ family }) => family === 4)).toHaveLength(shown4.length)
    expect(routes.filter(({ family }) => family === 6)).toHaveLength(shown6.length)
    expect(routes).toContainEqual({
      family: 4,
      destination: '198.51.100.0/24',
      index,
      interfaceName: 'left',
      gateway: '10.7.0.254',
      table: 254,
      metric: 50,
      local: false,
    })
    expect(routes).toContainEqual(expect.objectContaining({ destination: '10.30.0.0/16', table: 51_820 }))
    netlink.deleteRoute('10.20.0.0/16', { index })
    netlink.deleteRoute('10.30.0.0/16', { index, table: 51_820 })
    expect(ipJson('route', 'show', '10.20.0.0/16')).toEqual([])
    expect(netlink.routes().filter(({ table }) => table === 51_820)).toEqual([])
    expect(() => netlink.deleteRoute('10.20.0.0/16', { index })).toThrow(
      'cannot delete route 10.20.0.0/16: there is none (ESRCH',
    )
  })

  test('says why, in the words of the kernel', () => {
    expect(() => netlink.addRoute('198.18.0.0/15', { index, gateway: '203.0.113.1' })).toThrow(
      /^cannot add route 198.18.0.0\/15: the gateway or network cannot be reached \(ENETUNREACH: Nexthop has invalid gateway/,
    )
    expect(() => netlink.changeLink(4242, { up: true })).toThrow('there is no such interface (ENODEV')
    expect(() => netlink.changeLink(index, { mtu: 1 })).toThrow('(EINVAL')
  })

  test('finds the way to an address', () => {
    expect(netlink.routeTo('198.51.100.9')).toMatchObject({
      interfaceName: 'left',
      index,
      gateway: '10.7.0.254',
      source: '10.7.0.1',
      local: false,
    })
    expect(netlink.routeTo('fd07::9')).toMatchObject({ interfaceName: 'left', source: 'fd07::1', local: false })
    expect(netlink.routeTo('10.7.0.1')).toMatchObject({ interfaceName: 'lo', local: true })
    expect(netlink.routeTo('203.0.113.1')).toBeUndefined()
    expect(netlink.routeTo('2001:db8:ffff::1')).toBeUndefined()
    ip('route', 'add', 'prohibit', '203.0.113.0/24')
    expect(netlink.routeTo('203.0.113.1')).toBeUndefined()
  })

  test('answers for an address, and stops', () => {
    for (const address of ['203.0.113.7', '2001:db8::7']) {
      netlink.addProxyNeighbour({ index, address })
      expect(ipJson('neigh', 'show', 'proxy', 'dev', 'left')).toMatchObject([{ dst: address }])
      expect(netlink.proxyNeighbours()).toEqual([{ index, address }])
      netlink.deleteProxyNeighbour({ index, address })
      expect(netlink.proxyNeighbours()).toEqual([])
      expect(() => netlink.deleteProxyNeighbour({ index, address })).toThrow('there is none (ENOENT')
    }
  })

  test('reads a table of thousands of routes', () => {
    const routes = Array.from({ length: 5000 }, (_, i) => `route add 172.${16 + (i >> 8)}.${i & 255}.0/24 dev left`)
    spawnSync('ip', ['-batch', '-'], { input: routes.join('\n') })
    const ours = netlink.routes().filter(({ destination }) => destination.startsWith('172.'))
    expect(new Set(ours.map(({ destination }) => destination)).size).toBe(5000)
  })

  test('deletes an interface', () => {
    netlink.deleteLink(index)
    expect(netlink.linkIndex('left')).toBeUndefined()
    expect(netlink.linkIndex('right')).toBeUndefined()
  })
})
