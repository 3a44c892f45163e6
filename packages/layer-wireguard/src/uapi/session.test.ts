import { describe, expect, test } from 'vitest'
import { a, b, c, none, set, withPeers } from '../test-support/uapi-peers.ts'
import { MemoryTarget } from './testing/memory-target.ts'
import { converse } from './testing/session-runner.ts'

const peersOf = (target: MemoryTarget): string[] => [...target.byKey.keys()]
const allowed = (target: MemoryTarget, key: string): string[] => [...(target.byKey.get(key)?.prefixes.keys() ?? [])]

test('every key of a set', async () => {
  expect((await withPeers()).snapshot()).toEqual({
    privateKey: c,
    listenPort: 51_820,
    fwmark: 4_294_967_295,
    peers: {
      [a]: {
        presharedKey: b,
        endpoint: '192.0.2.1:1',
        persistentKeepalive: 25,
        allowedIps: ['10.0.0.0/8', '10.1.2.3/32'],
      },
      [b]: {
        presharedKey: none,
        endpoint: '[2001:db8::1]:65535',
        persistentKeepalive: 0,
        allowedIps: ['fd00::/64'],
      },
    },
  })
})

test('get tells all of it', async () => {
  const target = await withPeers()
  const peer = target.byKey.get(a) as { latestHandshake: number; sentBytes: bigint; receivedBytes: number }
  peer.latestHandshake = 1_700_000_000_123
  peer.sentBytes = 18_446_744_073_709_551_615n
  peer.receivedBytes = 7
  expect(await converse(target, ['get=1\n\n'])).toBe(
    `private_key=${c}
listen_port=51820
fwmark=4294967295
public_key=${a}
preshared_key=${b}
protocol_version=1
endpoint=192.0.2.1:1
last_handshake_time_sec=1700000000
last_handshake_time_nsec=123000000
tx_bytes=18446744073709551615
rx_bytes=7
persistent_keepalive_interval=25
allowed_ip=10.0.0.0/8
allowed_ip=10.1.2.3/32
public_key=${b}
preshared_key=${none}
protocol_version=1
endpoint=[2001:db8::1]:65535
last_handshake_time_sec=0
last_handshake_time_nsec=0
tx_bytes=0
rx_bytes=0
persistent_keepalive_interval=0
allowed_ip=fd00::/64
errno=0

`,
  )
  expect(await converse(new MemoryTarget(), ['get=1\n\nset=1\n\nget=1\n\n'])).toBe('errno=0\n\n'.repeat(3))
})

describe('a set', () => {
  test('with keys of zeros takes them away', async () => {
    const target = await withPeers()
    await converse(target, [set(`private_key=${none}`, 'fwmark=0', `public_key=${a}`, `preshared_key=${none}`)])
    expect(target.snapshot()).toMatchObject({
      privateKey: undefined,
      fwmark: 0,
      peers: { [a]: { presharedKey: none } },
    })
  })

  test('replaces peers, or the prefixes of one', async () => {
    const target = await withPeers()
    await converse(target, [set(`public_key=${a}`, 'replace_allowed_ips=true', 'allowed_ip=10.9.0.0/16')])
    expect([allowed(target, a), allowed(target, b)]).toEqual([['10.9.0.0/16'], ['fd00::/64']])
    await converse(target, [set('replace_peers=true', `public_key=${c}`)])
    expect(peersOf(target)).toEqual([c])
  })

  test('moves a prefix, and removes the own ones only', async () => {
    const target = await withPeers()
    await converse(target, [set(`public_key=${b}`, 'allowed_ip=10.255.0.0/8', 'allowed_ip=-10.1.2.3/32')])
    expect([allowed(target, a), allowed(target, b)]).toEqual([['10.1.2.3/32'], ['fd00::/64', '10.0.0.0/8']])
    await converse(target, [set(`public_key=${a}`, 'allowed_ip=-10.1.2.3/32')])
    expect(allowed(target, a)).toEqual([])
  })

  test('removes a peer, and ignores what else is said of it', async () => {
    const target = await withPeers()
    const lines = [`public_key=${a}`, 'remove=true', 'allowed_ip=10.0.0.0/8', `public_key=${c}`, 'remove=true']
    expect(await converse(target, [set(...lines)])).toBe('errno=0\n\n')
    expect(peersOf(target)).toEqual([b])
  })

  test('makes no peer where it may only update', async () => {
    const target = await withPeers()
    const change = ['update_only=true', 'persistent_keepalive_interval=9']
    expect(await converse(target, [set(`public_key=${c}`, ...change, `public_key=${a}`, ...change)])).toBe(
      'errno=0\n\n',
    )
    expect(peersOf(target)).toEqual([a, b])
    expect(target.byKey.get(a)).toMatchObject({ persistentKeepalive: 9 })
    // Also if it says so late.
    await converse(target, [set(`public_key=${c}`, 'endpoint=192.0.2.1:1', 'update_only=true')])
    expect(peersOf(target)).toEqual([a, b])
  })

  test('makes a peer of which nothing but the key is said', async () => {
    const target = new MemoryTarget()
    await converse(target, [set(`public_key=${a}`, `public_key=${b.toUpperCase()}`)])
    expect(peersOf(target)).toEqual([a, b])
  })

  test('never makes a peer of the own key', async () => {
    const target = new MemoryTarget()
    target.ownPublicKey = a
    expect(await converse(target, [set(`public_key=${a}`, 'allowed_ip=10.0.0.0/8')])).toBe('errno=0\n\n')
    expect(peersOf(target)).toEqual([])
  })

  test('stops at the first line that cannot be done, and the next operation is in step', async () => {
    const target = await withPeers()
    const script = set('fwmark=1', 'listen_port=65536', 'fwmark=2', 'get=1', `public_key=${c}`) + set('listen_port=7')
    expect(await converse(target, [script])).toBe('errno=-22\n\nerrno=0\n\n')
    expect(target).toMatchObject({ fwmark: 1, listenPort: 7 })
    expect(peersOf(target)).toEqual([a, b])
  })

  test('a zone stays with its address', async () => {
    const target = new MemoryTarget()
    await converse(target, [set(`public_key=${a}`, 'endpoint=[fe80::1%eth0]:51820')])
    expect(await converse(target, ['get=1\n\n'])).toContain('\nendpoint=[fe80::1%eth0]:51820\n')
  })
})
