import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cable, missingForNamespaces, Namespace, needs, type Program, run } from './support/netns.ts'

const MAIN = fileURLToPath(new URL('../packages/millrace/dist/cli/main.js', import.meta.url))
const SERVER = fileURLToPath(new URL('support/outside-server.mjs', import.meta.url))
const UDP_CLIENT = fileURLToPath(new URL('support/udp-client.mjs', import.meta.url))

const GATEWAY_OUTER = '192.0.2.1'
const GATEWAY_OUTER6 = 'fd00:2::1'
const GATEWAY_INSIDE = '198.51.100.1'
const WEB = '198.51.100.7'
/** On the server's network, held by no interface. */
const STATIC_IP = '198.51.100.99'
const SUBNET = '10.77.0.0/24'
const MIB = 1024 * 1024

const missing = missingForNamespaces('wg', 'wg-quick', 'wireguard-go', 'nft', 'curl', 'tcpdump', 'ping')

describe.skipIf(missing.length > 0)(`the gateway, with real peers in namespaces${needs(missing)}`, () => {
  let world: World
  beforeEach(async () => {
    world = new World()
    await world.open()
  })
  afterEach(() => world.close())

  test.each([
    { egress: 'tun', flags: ['--egress', 'tun', '--egress-ip', STATIC_IP], seen: STATIC_IP },
    { egress: 'kernel', flags: ['--egress', 'kernel'], seen: GATEWAY_INSIDE },
  ])(
    '$egress egress: everything of a client goes out from one address and comes back whole',
    async ({ flags, seen }) => {
      const before = world.gatewayState()
      const captures = world.capture()
      const gateway = await world.startGateway(flags, GATEWAY_OUTER)
      const laptop = world.addPeer('laptop')
      await world.connect(world.client, laptop)

      expect(await world.client.exec('ping', '-c', '5', '-i', '0.2', '-W', '2', WEB)).toContain('5 received')
      expect(await world.download(world.client, 100 * MIB)).toBe(world.checksum(100 * MIB))
      expect(await world.client.exec('node', UDP_CLIENT, WEB, '200', '512')).toBe('200\n')

      const urls = Array.from({ length: 50 }, () => ['-o', '/dev/null', `http://${WEB}/${MIB}`]).flat()
      const report = await world.client.exec(
        'curl',
        '-sSZ',
        '--parallel-max',
        '50',
        '-w',
        '%{size_download}\\n',
        ...urls,
      )
      expect(report.trim().split('\n')).toEqual(Array(50).fill(String(MIB)))

      // A second peer, added while the first one's traffic flows, works at once, and the first is not disturbed.
      let flows = true
      const meanwhile = world.download(world.client, 25 * MIB, '2M').finally(() => {
        flows = false
      })
      await world.connect(world.secondClient, world.addPeer('phone'))
      expect(await world.download(world.secondClient, MIB)).toBe(world.checksum(MIB))
      expect(flows, 'the first download still runs').toBe(true)
      expect(await meanwhile).toBe(world.checksum(25 * MIB))

      // A peer that is removed is cut off at once.
      world.millrace('peer', 'remove', 'phone', '--state', world.state)
      await expect(world.secondClient.exec('curl', '-sS', '--max-time', '3', `http://${WEB}/1`)).rejects.toThrow()
      expect(await world.download(world.client, MIB)).toBe(world.checksum(MIB))

      await world.disconnect()
      expect(await gateway.stop('SIGTERM'), gateway.stderr).toBe(0)
      await captures.stop()
      expect(world.gatewayState()).toEqual(before)
      expect(new Set(world.seenByServer())).toEqual(new Set([`http ${seen}`, `udp ${seen}`]))
      captures.check(seen)
    },
    180_000,
  )

  test.each([
    { egress: 'tun', flags: ['--egress', 'tun', '--egress-ip', STATIC_IP], seen: STATIC_IP },
    { egress: 'kernel', flags: ['--egress', 'kernel'], seen: GATEWAY_INSIDE },
  ])(
    '$egress egress over IPv6 outside',
    async ({ flags, seen }) => {
      const gateway = await world.startGateway(flags, `[${GATEWAY_OUTER6}]`)
      await world.connect(world.client, world.addPeer('laptop'))
      expect(await world.download(world.client, 10 * MIB)).toBe(world.checksum(10 * MIB))
      expect(new Set(world.seenByServer())).toEqual(new Set([`http ${seen}`]))
      await world.disconnect()
      expect(await gateway.stop('SIGINT'), gateway.stderr).toBe(0)
    },
    60_000,
  )

  test('after a kill -9 the next run cleans up what was left, and the same client works again', async () => {
    const before = world.gatewayState()
    const flags = ['--egress', 'kernel']
    const killed = await world.startGateway(flags, GATEWAY_OUTER)
    const laptop = world.addPeer('laptop')
    await killed.stop('SIGKILL')
    expect(world.gatewayState()).not.toEqual(before)
    const gateway = await world.startGateway(flags, GATEWAY_OUTER)
    await world.connect(world.client, laptop)
    expect(await world.download(world.client, MIB)).toBe(world.checksum(MIB))
    await world.disconnect()
    expect(await gateway.stop(), gateway.stderr).toBe(0)
    expect(world.gatewayState()).toEqual(before)
  }, 60_000)
})

/** Two clients, the gateway between two networks, and a server that knows nothing of the tunnel. */
class World {
  readonly client = new Namespace('client')
  readonly secondClient = new Namespace('second')
  readonly gateway = new Namespace('gateway')
  readonly server = new Namespace('server')
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  readonly state = join(this.folder, 'state')
  #web: Program | undefined
  readonly #connected: [Namespace, string][] = []

  async open(): Promise<void> {
    const outer = [`${GATEWAY_OUTER}/24`, `${GATEWAY_OUTER6}/64`]
    cable(this.client, 'eth0', ['192.0.2.2/24', 'fd00:2::2/64'], this.gateway, 'outer0', outer)
    // Trains of datagrams (UDP_SEGMENT) are cut before the device, so that tcpdump sees each datagram.
    this.gateway.run('ip', 'link', 'set', 'outer0', 'gso_max_segs', '1')
    cable(this.secondClient, 'eth0', ['203.0.113.2/24'], this.gateway, 'outer1', ['203.0.113.1/24'])
    cable(this.gateway, 'inside0', [`${GATEWAY_INSIDE}/24`], this.server, 'eth0', [`${WEB}/24`])
    this.gateway.run('ip', 'route', 'add', 'default', 'via', '198.51.100.254')
    this.client.run('ip', 'route', 'add', 'default', 'via', GATEWAY_OUTER)
    this.secondClient.run('ip', 'route', 'add', 'default', 'via', '203.0.113.1')
    this.#web = this.server.start('node', SERVER, WEB, 'seed')
    await this.#web.printed(/ready/)
  }

  async close(): Promise<void> {
    await this.disconnect().catch(() => {})
    for (const namespace of [this.client, this.secondClient, this.gateway, this.server]) await namespace.remove()
    rmSync(this.folder, { recursive: true })
  }

  async startGateway(flags: readonly string[], publicHost: string): Promise<Program> {
    const options = ['--state', this.state, '--listen', '51820', '--public', publicHost, '--subnet', SUBNET, ...flags]
    const gateway = this.gateway.start('node', MAIN, 'gateway', ...options)
    await gateway.printed(/To stop/)
    return gateway
  }

  millrace(...args: readonly string[]): string {
    return this.gateway.run('node', MAIN, ...args)
  }

  /** The path of a configuration file, as `millrace peer add` printed it. The file's name is that of the interface. */
  addPeer(name: string): string {
    const path = join(this.folder, `${name}.conf`)
    writeFileSync(path, this.millrace('peer', 'add', name, '--state', this.state), { mode: 0o600 })
    return path
  }

  async connect(client: Namespace, path: string): Promise<void> {
    await client.exec('wg-quick', 'up', path)
    this.#connected.push([client, path])
  }

  async disconnect(): Promise<void> {
    for (const [client, path] of this.#connected.splice(0)) await client.exec('wg-quick', 'down', path)
  }

  /** Sha256 of a file of that size, as it arrived. */
  async download(client: Namespace, size: number, rate = '1G'): Promise<string> {
    const path = join(this.folder, `${client.name}-${size}`)
    await client.exec(
      'curl',
      '-sS',
      '--fail',
      '--limit-rate',
      rate,
      '--max-time',
      '120',
      '-o',
      path,
      `http://${WEB}/${size}`,
    )
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  }

  /** What the sha256 must be: the server asked by itself, not through any tunnel. */
  checksum(size: number): string {
    const path = join(this.folder, `direct-${size}`)
    this.server.run('curl', '-sS', '--fail', '-o', path, `http://${WEB}/${size}`)
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  }

  seenByServer(): readonly string[] {
    const lines = this.#web?.stdout.trim().split('\n') ?? []
    return lines.filter((line) => line !== 'ready' && line !== `http ${WEB}`)
  }

  /** All that a gateway may have changed on its machine. */
  gatewayState(): Readonly<Record<string, string>> {
    const ask = (...command: string[]): string => this.gateway.run(...command)
    const settings = ['conf/*/forwarding', 'conf/*/rp_filter', 'ip_forward'].map((name) => `/proc/sys/net/ipv4/${name}`)
    const forwarding = ask('sh', '-c', `grep -H . ${settings.join(' ')}`)
    return {
      links: ask('ip', '-o', 'link').replace(/ state .*$/gm, ''),
      addresses: ask('ip', '-o', 'address').replace(/valid_lft.*$/gm, ''),
      routes: ask('ip', 'route', 'show', 'table', 'all'),
      routes6: ask('ip', '-6', 'route', 'show', 'table', 'all'),
      rules: ask('ip', 'rule'),
      proxies: ask('ip', 'neighbour', 'show', 'proxy'),
      firewall: ask('nft', 'list', 'ruleset'),
      forwarding,
      processes: run('ip', 'netns', 'pids', this.gateway.name),
    }
  }

  /** Records what passes on both sides of the gateway. */
  capture(): { stop(): Promise<unknown>; check(seen: string): void } {
    const dump = (side: string): Program =>
      this.gateway.start(
        'tcpdump',
        '-Z',
        'root',
        '-U',
        '-s',
        '128',
        '-i',
        side,
        '-w',
        join(this.folder, `${side}.pcap`),
      )
    const programs = ['outer0', 'inside0'].map(dump)
    const count = (side: string, filter: string): number =>
      Number.parseInt(run('tcpdump', '--count', '-nn', '-r', join(this.folder, `${side}.pcap`), filter), 10)
    return {
      stop: () => Promise.all(programs.map((program) => program.stop('SIGINT'))),
      check: (seen) => {
        // Types 1 to 4 with zero bytes behind, at their lengths (UDP length counts its own 8 bytes).
        const wireguard = [
          'udp[8:4] = 0x01000000 and udp[4:2] = 156',
          'udp[8:4] = 0x02000000 and udp[4:2] = 100',
          'udp[8:4] = 0x03000000 and udp[4:2] = 72',
          'udp[8:4] = 0x04000000 and udp[4:2] >= 40 and ((udp[4:2] - 8) & 15 = 0 or udp[4:2] = 1460)',
        ]
        const valid = `(udp port 51820 and (${wireguard.map((rule) => `(${rule})`).join(' or ')}))`
        expect(count('outer0', valid)).toBeGreaterThan(70_000)
        expect(count('outer0', `ip and not ${valid}`)).toBe(0)
        expect(count('inside0', `host ${seen}`)).toBeGreaterThan(1000) // the server's kernel sends large segments
        const foreign = `ip and not (host ${seen} and host ${WEB})`
        expect(count('inside0', foreign)).toBe(0)
        // The kernel's own neighbour discovery and multicast reports (which stand behind a hop-by-hop header) are no leak.
        const ownChatter = 'icmp6 or (ip6[6] = 0 and ip6[40] = 58)'
        for (const side of ['outer0', 'inside0']) expect(count(side, `ip6 and not (${ownChatter})`)).toBe(0)
        expect(count('inside0', `net ${SUBNET} or udp port 51820`)).toBe(0)
      },
    }
  }
}
