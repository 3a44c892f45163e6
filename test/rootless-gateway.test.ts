import { readFileSync } from 'node:fs'
import { ipv4, type Transport, udpSegment } from '@millrace/core/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutAt, fragmentOf } from '../packages/layer-netstack/src/test-support/fragments.ts'
import { MILLRACE_WG } from './support/millrace-wg.ts'
import { missingForNamespaces, type Namespace, needs, type Program } from './support/netns.ts'
import { isAbout, RawClient, RawConnection } from './support/rootless-gateway-raw.ts'
import {
  BLACK_HOLE,
  EGRESS,
  EGRESS6,
  GATEWAY,
  GATEWAY_OUTSIDE,
  PORT,
  RootlessWorld,
  SERVER_ADDRESS,
  SERVER_ADDRESS6,
} from './support/rootless-gateway-world.ts'

const SIZE = Number(process.env['MILLRACE_ROOTLESS_MB'] ?? 50) * 1_000_000
/** Milliseconds without a packet, as only a timer of TCP ends them while nobody answers. */
const PAUSE = 150
const WITHIN = { timeout: 30_000, interval: 10 }
const missing = missingForNamespaces('wg', 'wg-quick', 'wireguard-go', 'nft', 'curl', 'tcpdump', 'ping', 'setpriv')

describe.skipIf(missing.length > 0)(`the rootless gateway, as nobody, with real clients${needs(missing)}`, () => {
  let world: RootlessWorld
  let gateway: Program
  let raw: RawClient

  beforeAll(async () => {
    world = new RootlessWorld()
    await world.open()
    const links = world.gateway.run('ip', '-o', 'link')
    gateway = await world.startGateway(...EGRESS)
    expect(world.gateway.run('ip', '-o', 'link')).toBe(links)
    const [printed] = /\[Interface\][\s\S]+?PersistentKeepalive = \d+\n/.exec(gateway.stdout) ?? ['']
    await world.connect(world.client, printed, 'wireguard-go')
    // Added while it runs.
    const phone = world.addPeer('phone', '--egress-ip', EGRESS[1])
    await world.connect(world.second, phone, world.program(MILLRACE_WG))
    raw = new RawClient(world.client, world.addPeer('raw', '--egress-ip', EGRESS[0]))
    await raw.ready()
  })
  afterAll(() => world.close())

  test('it has no privileges', () => {
    const status = readFileSync(`/proc/${gatewayPid()}/status`, 'utf8')
    expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'))
  })

  test.each(['client', 'second'] as const)('streams, datagrams and pings of %s arrive whole', async (name) => {
    const from: Namespace = world[name]
    expect(await world.download(from, SIZE)).toBe(await world.download(world.server, SIZE))
    expect(await world.does(from, 'upload', SERVER_ADDRESS, `${SIZE}`)).toBe('same')
    expect(await world.does(from, 'flows', SERVER_ADDRESS, '300')).toBe('300')
    expect(await datagrams(from, 200, 60, 500)).toEqual({ same: 200, broken: 0, twice: 0 })
    const many = await datagrams(from, 2000, 1200, 1500)
    expect(many).toEqual({ same: expect.any(Number), broken: 0, twice: 0 })
    expect(many.same).toBeGreaterThan(1900)
    expect(await from.exec('ping', '-c', '3', '-i', '0.2', '-W', '2', SERVER_ADDRESS)).toContain('3 received')
  })

  test('a peer with an egress address of its own keeps to it, another always to the same', async () => {
    world.forgetSeen()
    for (let i = 0; i < 8; i++) await world.does(world.second, 'flows', SERVER_ADDRESS, '4')
    await datagrams(world.second, 20, 60, 500)
    expect(world.sources('echo', 'udp')).toEqual(new Set([EGRESS[1]]))
    world.forgetSeen()
    expect(await raw.attempt(SERVER_ADDRESS, 7)).toBe('SYN ACK')
    await expect.poll(() => world.sources('echo'), WITHIN).toEqual(new Set([EGRESS[0]]))
    world.forgetSeen()
    for (let i = 0; i < 8; i++) await world.does(world.client, 'flows', SERVER_ADDRESS, '4')
    expect(world.sources('echo').size).toBe(1)
  })

  test('a client that was suspended goes on with its download', async () => {
    const daemon = world.pidOf(world.client, 'wireguard-go')
    const done = world.download(world.client, SIZE, '--limit-rate', '25M')
    await expect.poll(() => world.downloaded(world.client), WITHIN).toBeGreaterThan(SIZE / 10)
    process.kill(daemon, 'SIGSTOP')
    try {
      // The gateway has sent again, and again, ever more slowly.
      await expect.poll(pausesOf(world.client), WITHIN).toBeGreaterThanOrEqual(3)
      expect(world.downloaded(world.client)).toBeLessThan(SIZE)
    } finally {
      process.kill(daemon, 'SIGCONT')
    }
    expect(await done).toBe(await world.download(world.server, SIZE))
  })

  test.each([
    ['169.254.169.254', 80, '3/13'],
    ['10.1.2.3', 80, '3/13'],
    ['100.64.0.1', 80, '3/13'],
    [GATEWAY, 80, '3/13'],
    [GATEWAY_OUTSIDE, 80, '3/13'],
    ['10.7.0.2', 80, '3/13'],
    ['10.7.0.3', 80, '3/13'],
    [SERVER_ADDRESS, 25, '3/13'],
    ['::ffff:127.0.0.1', 80, '1/1'],
    ['64:ff9b::7f00:1', 80, '1/1'],
    ['2002:7f00:1::', 80, '1/1'],
    ['fd00:ec2::254', 80, '1/1'],
    [SERVER_ADDRESS6, 80, '1/1'],
    // The gateway's own addresses are somebody's: what is not served there is refused.
    ['10.7.0.1', 80, 'RST ACK'],
    [EGRESS[0], 80, 'RST ACK'],
    [SERVER_ADDRESS, 81, 'RST ACK'],
    [SERVER_ADDRESS, 80, 'SYN ACK'],
  ])('a connection to %s, port %i, is answered by %s', async (address, port, answer) => {
    expect(await raw.attempt(address, port)).toBe(answer)
  })

  test.each(['127.0.0.1', '127.8.7.6', '0.0.0.0', '255.255.255.255', '224.0.0.1', '::1', '::'])(
    'a connection to %s is not answered at all',
    async (address) => {
      const sourcePort = raw.nextPort
      raw.send(raw.tcp(address, { sourcePort, destinationPort: 80, flags: 'SYN' }))
      expect(await raw.attempt(SERVER_ADDRESS, 80)).toBe('SYN ACK')
      expect(raw.received.filter((packet) => isAbout(packet, sourcePort))).toEqual([])
    },
  )

  test.each(['127.0.0.1', GATEWAY, GATEWAY_OUTSIDE, EGRESS[0], '10.7.0.2'])(
    'a datagram to %s, to the port of WireGuard or another, is refused',
    async (destination) => {
      for (const destinationPort of [PORT, 53]) {
        const sourcePort = raw.nextPort
        raw.send(
          ipv4({ source: raw.address, destination }, udpSegment({ sourcePort, destinationPort }, 'mark refused')),
        )
        const answer = await raw.receive((packet) => isAbout(packet, sourcePort))
        expect(answer).toMatchObject({ type: 3 })
      }
    },
  )

  test('nothing is taken from an address that is not the peer’s', async () => {
    const { seen } = world
    for (const source of ['10.7.0.2', '10.7.0.99', SERVER_ADDRESS, '127.0.0.1']) {
      raw.send(ipv4({ source, destination: SERVER_ADDRESS }, datagram('mark spoofed')))
      raw.send(raw.tcp(SERVER_ADDRESS, { sourcePort: 1, destinationPort: 7, flags: 'SYN' }, '', source))
    }
    await isReturned('mark own')
    expect(world.seen.slice(seen.length)).not.toContain('mark spoofed')
  })

  test('overlapping fragments are dropped, the whole datagram with them; others are put together', async () => {
    const text = `mark ${'together '.repeat(9)}`
    const whole = ipv4({ source: raw.address, destination: SERVER_ADDRESS }, datagram(text))
    const end = whole.length - 20
    raw.send(
      fragmentOf(whole, { from: 0, to: 32, id: 1 }),
      fragmentOf(whole, { from: 24, to: 56, id: 1 }),
      fragmentOf(whole, { from: 56, to: end, id: 1 }),
      // Not even when all of it comes after that.
      ...cutAt(whole, [32, 56], 1),
    )
    await isReturned('mark after overlap')
    expect(world.seen).not.toContain(text)
    raw.send(...cutAt(whole, [32, 56], 2).reverse())
    await expect.poll(() => world.seen.filter((line) => line === text).length, WITHIN).toBe(1)
  })

  test('urgent data is data, in its place', async () => {
    const connection = await RawConnection.open(raw, SERVER_ADDRESS)
    connection.send('PSH ACK', 'one ')
    connection.send('PSH ACK URG', 'two ', { urgent: 2 })
    connection.send('PSH ACK', 'three')
    await connection.reads('one two three')
    connection.send('RST')
  })

  test('a RST ends a connection when its number is right, and else is challenged', async () => {
    const connection = await RawConnection.open(raw, SERVER_ADDRESS)
    connection.send('RST', '', { ahead: 2 ** 30 })
    connection.send('RST', '', { ahead: -1 })
    connection.send('RST', '', { ahead: 1000 })
    await connection.sees(({ flags, payload }) => flags === 'ACK' && payload.length === 0)
    connection.send('PSH ACK', 'still here')
    await connection.reads('still here')
    const ended = world.seen.filter((line) => line === 'echo ended ECONNRESET').length
    connection.send('RST')
    const now = (): number => world.seen.filter((line) => line === 'echo ended ECONNRESET').length
    await expect.poll(now, WITHIN).toBe(ended + 1)
  })

  test('a peer that asks for all it can does not starve another', async () => {
    const syns = Array.from({ length: 20_000 }, (_, i) => {
      const destinationPort = 1 + (i % 60_000)
      const fields = { sourcePort: 1024 + (i % 64_000), destinationPort, flags: 'SYN' }
      return raw.tcp(i % 2 === 0 ? BLACK_HOLE : SERVER_ADDRESS, fields)
    })
    const udp = syns.map((_, i) => ipv4({ source: raw.address, destination: BLACK_HOLE }, datagram('x', 1024 + i)))
    let isOver = false
    const flood = (async () => {
      for (let i = 0; !isOver; i = (i + 100) % syns.length) {
        raw.send(...syns.slice(i, i + 100), ...udp.slice(i, i + 100))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    const begun = performance.now()
    expect(await world.download(world.second, SIZE)).toBe(await world.download(world.server, SIZE))
    const churn = JSON.parse(await world.does(world.second, 'churn', SERVER_ADDRESS, '100', '2'))
    expect(performance.now() - begun).toBeLessThan(30_000)
    isOver = true
    await flood
    expect(churn).toEqual({ opened: 200, failed: {} })
    await expect.poll(() => gateway.stderr, WITHIN).toMatch(/flows refused +peer=raw reason=peer-/)
  })

  test('killed and started anew, it resets what it does not know, and all works again; IPv6 too', async () => {
    const old = world.starts(world.client, 'stay', SERVER_ADDRESS)
    await old.printed(/open/)
    await gateway.stop('SIGKILL')
    world.allowPing(false)
    gateway = await world.startGateway(...EGRESS, EGRESS6)
    // By itself a client without answers asks for a new session after 15 s.
    await world.reconnect(world.client)
    await old.printed(/ended ECONNRESET/)
    world.forgetSeen()
    expect(await world.does(world.client, 'flows', SERVER_ADDRESS, '10')).toBe('10')
    expect(await world.does(world.client, 'flows', SERVER_ADDRESS6, '10')).toBe('10')
    const [ipv4Source, ...others] = world.sources('echo')
    expect(EGRESS).toContain(ipv4Source)
    expect(others).toEqual([EGRESS6])
    await expect(world.client.exec('ping', '-c', '1', '-W', '2', SERVER_ADDRESS)).rejects.toThrow(/filtered/)
    await world.disconnect()
    expect(await gateway.stop(), gateway.stderr).toBe(0)
  })

  test('in the end, nothing has left from another address, and nobody has come to the gateway’s own host', async () => {
    expect(world.leaks).toEqual([])
    // Of both we would have heard.
    await world.gateway.exec('curl', '-sS', '-o', '/dev/null', `http://${SERVER_ADDRESS}/1`)
    await world.gateway.exec('curl', '-sS', '-o', '/dev/null', 'http://127.0.0.1/1')
    const sources = (): string => world.leaks.join('\n')
    await expect.poll(sources, WITHIN).toMatch(`IP ${GATEWAY_OUTSIDE}.`)
    await expect.poll(sources, WITHIN).toMatch('http 127.0.0.1')
  })

  function datagram(text: string, sourcePort = 5000): Transport {
    return udpSegment({ sourcePort, destinationPort: 53 }, text)
  }

  /** Counts how often packets have begun to come in again after a pause. */
  function pausesOf(namespace: Namespace): () => number {
    let packets = world.received(namespace)
    let since = performance.now()
    let pauses = 0
    return () => {
      const [now, received] = [performance.now(), world.received(namespace)]
      if (received === packets) return pauses
      if (now - since >= PAUSE) pauses++
      packets = received
      since = now
      return pauses
    }
  }

  /** A datagram of this text is sent, and comes back. */
  async function isReturned(text: string): Promise<void> {
    raw.send(ipv4({ source: raw.address, destination: SERVER_ADDRESS }, datagram(text)))
    await raw.receive(({ payload }) => Buffer.from(payload).toString() === text)
  }

  const gatewayPid = (): number => world.pidOf(world.gateway, 'gateway\0--')

  async function datagrams(from: Namespace, count: number, size: number, aSecond: number): Promise<{ same: number }> {
    return JSON.parse(await world.does(from, 'datagrams', SERVER_ADDRESS, `${count}`, `${size}`, `${aSecond}`))
  }
})
