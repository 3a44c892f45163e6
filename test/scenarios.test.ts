import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cable, needs } from './support/netns.ts'
import { type Counters, keyPair, type ScenarioEnd } from './support/scenario-end.ts'
import { PAIRINGS } from './support/scenario-programs.ts'
import { oneDatagram, pingFlood, startSink, tcpStream, udpFlood } from './support/scenario-traffic.ts'
import { ScenarioWorld } from './support/scenario-world.ts'

/** Of each stream and each flood. */
const BYTES = Number(process.env['MILLRACE_SCENARIO_BYTES'] ?? 4 << 20)
const MTU = 1420
/** Makes datagrams of nearly 34,816 bytes. */
const BIG_MTU = 34_736
const PINGS = 10
/** An echo request of 56 bytes in its IPv4 packet; the same padded to 16, in a WireGuard message. */
const PING_PACKET = 84
const PING_MESSAGE = 16 + 96 + 16
const WITHIN = { timeout: 5_000, interval: 10 }
const KEEPALIVE = 32
/** A new handshake 15 s after the first packet without an answer, and more of them every 5 s. */
const HANDSHAKE_RETRY = 30_000
const LOOPBACK = { IPv4: '127.0.0.1', IPv6: '[::1]' } as const

describe.each(PAIRINGS)('scenarios: %s', (_, { first, second }) => {
  const missing = [...new Set([...first.missing, ...second.missing])]
  const scenario = test.skipIf(missing.length > 0)
  const title = (text: string): string => `${text}${needs(missing)}`

  let world: ScenarioWorld
  let a: ScenarioEnd
  let b: ScenarioEnd
  beforeEach(() => {
    world = new ScenarioWorld({ first, second })
    a = world.a
    b = world.b
  })
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.log(world.logs)
    await world.close()
  })

  scenario(
    title('interfaces move to other namespaces, their sockets stay, and all that was set is shown'),
    async () => {
      await world.startInTheMiddle()
      for (const [end, peer] of [[a, b] as const, [b, a] as const]) {
        expect(configurationOf(end.show('showconf'))).toEqual([
          '[Interface]',
          `ListenPort = ${end.port}`,
          `PrivateKey = ${end.privateKey}`,
          '[Peer]',
          `PublicKey = ${peer.publicKey}`,
          `PresharedKey = ${end.presharedKey}`,
          `AllowedIPs = ${peer.ipv4}/32, ${peer.ipv6}/128`,
        ])
      }
      introduce(LOOPBACK.IPv4)
      await world.connect()

      const ends = [a, b]
      const links = ends.map((end) => end.link)
      const transfers = ends.map((end) => end.transfer)
      const count = await pingFlood(b, a.ipv4, PINGS)
      const pings = { received: count * PING_MESSAGE, sent: count * PING_MESSAGE }
      await expect
        .poll(() => ends.map((end, i) => difference(transfers[i], end.transfer)), WITHIN)
        .toEqual([pings, pings])
      for (const { received, sent } of ends.map((end, i) => difference(links[i], end.link))) {
        for (const bytes of [received, sent]) {
          expect(bytes).toBeGreaterThanOrEqual(count * PING_PACKET)
          expect(bytes).toBeLessThan(count * 250)
        }
      }
    },
  )

  test.skipIf(missing.length > 0).each(['IPv4', 'IPv6'] as const)(
    title('pings, streams and datagrams of both families over %s outside, with two MTUs at run time'),
    async (outside) => {
      await world.startInTheMiddle()
      introduce(LOOPBACK[outside])
      await world.connect()
      await Promise.all([startSink(a.namespace), startSink(b.namespace)])
      for (const mtu of [MTU, BIG_MTU]) {
        for (const end of [a, b]) end.setMtu(mtu)
        for (const family of ['ipv4', 'ipv6'] as const) {
          await pingFlood(b, a[family], PINGS)
          await pingFlood(a, b[family], PINGS)
        }
        await tcpStream(a, b.ipv4, BYTES)
        await tcpStream(b, a.ipv6, BYTES)
        await udpFlood(a, b, 'ipv4', BYTES, mtu)
        await udpFlood(b, a, 'ipv6', BYTES, mtu)
      }
    },
    120_000,
  )

  scenario(title('roaming: the other end follows to another address, family and port'), async () => {
    await world.startInTheMiddle()
    introduce(LOOPBACK.IPv4)
    await world.connect()

    const moved = '127.212.121.99'
    world.middle.run('ip', 'address', 'del', '127.0.0.1/8', 'dev', 'lo')
    world.middle.run('ip', 'address', 'add', `${moved}/8`, 'dev', 'lo')
    a.set('listen-port', '9999')
    a.setPeer(b, 'endpoint', `127.0.0.1:${b.port}`)
    await a.ping(b.ipv6)
    expect(b.endpoint(a)).toBe(`${moved}:9999`)

    a.set('listen-port', '9998')
    a.setPeer(b, 'endpoint', `[::1]:${b.port}`)
    await a.ping(b.ipv4)
    expect(b.endpoint(a)).toBe('[::1]:9998')
  })

  scenario(title('an inner source that is routed to another peer is dropped, yet the endpoint follows'), async () => {
    await world.startInTheMiddle()
    introduce(LOOPBACK.IPv6)
    await world.connect()
    const sink = await startSink(a.namespace)
    a.setPeer(b, 'allowed-ips', '192.168.241.0/24')
    await oneDatagram(b, a.ipv4, 'routed')
    await sink.printed(/datagram routed\n/)

    const other = keyPair()
    a.setPeer(other, 'allowed-ips', `${b.ipv4}/32`)
    b.set('listen-port', '9997')
    await oneDatagram(b, a.ipv4, 'spoofed')
    await expect.poll(() => a.endpoint(b), WITHIN).toBe('[::1]:9997')

    // What is sent later arrives later: if the other had come through, it would be there before.
    a.setPeer(other, 'remove')
    await oneDatagram(b, a.ipv4, 'again')
    await sink.printed(/datagram again\n/)
    expect(sink.stdout.match(/datagram .*/g)).toEqual(['datagram routed', 'datagram again'])
  })

  scenario(title('an interface that is deleted ends its program, and the same name starts again at once'), async () => {
    await world.startInTheMiddle()
    introduce(LOOPBACK.IPv4)
    await world.connect()
    const old = [a.daemon, b.daemon]
    for (const end of [a, b]) end.delete()
    await world.startAtTheSides()
    cable(world.first, 'veth1', ['10.0.0.1/24'], world.second, 'veth2', ['10.0.0.2/24'])
    a.setPeer(b, 'endpoint', `10.0.0.2:${b.port}`)
    await world.connect()
    await expect.poll(() => old.every((daemon) => daemon.ended), WITHIN).toBe(true)

    for (const end of [a, b]) end.delete()
    await expect.poll(() => [a, b].some((end) => end.leavesTraces), WITHIN).toBe(false)
  })

  scenario(title('source NAT: the translated endpoint is seen, and the keepalive holds the mapping'), async () => {
    const { first: inside, middle: router, second: outside } = world
    cable(inside, 'vethc', ['192.168.1.100/24'], router, 'vethrc', ['192.168.1.1/24'])
    cable(router, 'vethrs', ['10.0.0.1/24'], outside, 'veths', ['10.0.0.100/24'])
    inside.run('ip', 'route', 'add', 'default', 'via', '192.168.1.1')
    const settings = ['net.ipv4.ip_forward=1', ...['', '_stream'].map((kind) => `${UDP_TIMEOUT}${kind}=2`)]
    router.run('sysctl', '-q', '-w', ...settings)
    router.run('nft', SOURCE_NAT)
    await world.startAtTheSides()
    // The keepalive begins the handshake at once: before the other end listens it would be lost, and tried again in 5 s.
    for (const end of [a, b]) await end.listening()
    a.setPeer(b, 'endpoint', `10.0.0.100:${b.port}`, 'persistent-keepalive', '1')
    await world.connect()
    await b.ping(a.ipv4)
    expect(b.endpoint(a)).toBe(`10.0.0.1:${a.port}`)

    // Three keepalives later more than the two seconds have passed, and nothing else was sent.
    const before = b.transfer.received
    await expect.poll(() => b.transfer.received, WITHIN).toBeGreaterThanOrEqual(before + 3 * KEEPALIVE)
    await b.ping(a.ipv4)
    expect(b.endpoint(a)).toBe(`10.0.0.1:${a.port}`)
  })

  test
    .skipIf(missing.length > 0)
    .each([
      ['IPv4', { old: '10.0.0.1', next: '10.0.0.10', other: '10.0.0.2', length: 24 }] as const,
      ['IPv6', { old: 'fd00:aa::1', next: 'fd00:aa::10', other: 'fd00:aa::2', length: 96 }] as const,
    ])(
    title('the %s source address is given up when the interface loses it'),
    async (_, { old, next, other, length }) => {
      cable(world.first, 'veth1', [`${old}/${length}`], world.second, 'veth2', [`${other}/${length}`])
      world.first.run('sysctl', '-q', '-w', 'net.ipv4.conf.veth1.promote_secondaries=1')
      await world.startAtTheSides()
      a.setPeer(b, 'endpoint', socketAddress(other, b.port))
      await world.connect()
      expect(b.endpoint(a)).toBe(socketAddress(old, a.port))

      const noDad = next.includes(':') ? ['nodad'] : []
      world.first.run('ip', 'address', 'add', `${next}/${length}`, 'dev', 'veth1', ...noDad)
      world.first.run('ip', 'address', 'del', `${old}/${length}`, 'dev', 'veth1')
      if (first.faults.includes('keeps-lost-source')) await a.firstPing(b.ipv4, HANDSHAKE_RETRY)
      else await a.ping(b.ipv4)
      expect(b.endpoint(a)).toBe(socketAddress(next, a.port))
    },
  )

  scenario(title('replies come from the address that was asked, whichever of several it is'), async ({ skip }) => {
    skip(first.faults.includes('answers-from-anywhere'), 'node:dgram does not know where a datagram came in')
    const addresses = ['10.0.0.1', 'fd00:aa::1', '10.0.0.2', 'fd00:aa::2']
    const withLength = (address: string): string => (address.includes(':') ? `${address}/96` : `${address}/24`)
    const theirs = ['10.0.0.3/24', 'fd00:aa::3/96']
    cable(world.first, 'veth1', addresses.map(withLength), world.second, 'veth2', theirs)
    await world.startAtTheSides()
    for (const end of [a, b]) await end.listening()
    for (const address of addresses) {
      const endpoint = socketAddress(address, a.port)
      b.setPeer(a, 'endpoint', endpoint)
      if (address === addresses[0]) await b.firstPing(a.ipv4)
      else await b.ping(a.ipv4)
      expect(b.endpoint(a)).toBe(endpoint)
    }
  })

  /** Each end learns where the other listens. */
  function introduce(address: string): void {
    a.setPeer(b, 'endpoint', `${address}:${b.port}`)
    b.setPeer(a, 'endpoint', `${address}:${a.port}`)
  }
})

function socketAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function difference(before: Counters | undefined, after: Counters): Counters {
  return { received: after.received - (before?.received ?? 0), sent: after.sent - (before?.sent ?? 0) }
}

const UDP_TIMEOUT = 'net.netfilter.nf_conntrack_udp_timeout'
const SOURCE_NAT = `table ip scenario {
  chain leaving {
    type nat hook postrouting priority 100
    ip saddr 192.168.1.0/24 ip daddr 10.0.0.0/24 snat to 10.0.0.1
  }
}`

/** Lines that say something, the addresses in a row sorted. */
function configurationOf(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map((line) => line.replace(/(?<=^AllowedIPs = ).*/, (list) => list.split(', ').sort().join(', ')))
}
