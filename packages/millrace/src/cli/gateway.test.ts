import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StateStore } from '../state/store.ts'
import { CLI } from '../testing/cli.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { canTestGateway, TestNamespace } from '../testing/network-namespace.ts'

const skip = !canTestGateway()

let namespace: TestNamespace
let directory: ReturnType<typeof temporaryDirectory>
let store: StateStore
let before: string
const running: Gateway[] = []

beforeEach(() => {
  if (skip) return
  namespace = new TestNamespace('cli')
  directory = temporaryDirectory()
  store = new StateStore(join(directory.path, 'state'))
  before = namespace.snapshot()
})
afterEach(async () => {
  if (skip) return
  for (const gateway of running.splice(0)) await gateway.end('SIGKILL')
  directory.remove()
  namespace.remove()
})

/** `millrace gateway` in the namespace. */
class Gateway {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #closed: Promise<unknown>
  stdout = ''
  stderr = ''

  constructor(...args: readonly string[]) {
    const line = [
      'netns',
      'exec',
      namespace.name,
      process.execPath,
      CLI,
      'gateway',
      '--state',
      store.directory,
      ...args,
    ]
    this.#process = spawn('ip', line)
    this.#closed = once(this.#process, 'close')
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    running.push(this)
  }

  async isUp(): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.#process.exitCode !== null) throw new Error(this.stderr)
        expect(this.stdout).toContain('To stop:')
      },
      { timeout: 20_000, interval: 20 },
    )
  }

  /** Its exit code, or the signal that ended it. `ip netns exec` becomes the program, so the signal reaches that. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    this.#process.kill(signal)
    return await this.finished()
  }

  async finished(): Promise<number | NodeJS.Signals | null> {
    await this.#closed
    return this.#process.exitCode ?? this.#process.signalCode
  }
}

const tun = ['--egress-ip', '192.0.2.77']
const kernel = ['--egress', 'kernel']

describe.skipIf(skip)('millrace gateway (needs root, /dev/net/tun, iproute2 and nftables)', () => {
  test.each([
    ['tun', tun, 'SIGTERM', ['proxy', '192.0.2.77 dev millrace0']],
    ['kernel', kernel, 'SIGINT', ['table ip millrace', 'masquerade', '10.7.0.0/24 dev millrace0']],
  ] as const)('--egress %s: sets up all it needs, and puts everything back', async (_mode, flags, signal, traces) => {
    const gateway = new Gateway(...flags)
    await gateway.isUp()
    const during = namespace.snapshot()
    for (const trace of ['millrace0', 'net.ipv4.conf.eth0.forwarding = 1', ...traces]) expect(during).toContain(trace)
    expect(namespace.run('sysctl', '-n', 'net.ipv4.conf.millrace0.forwarding')).toBe('1\n')
    expect(during).toContain('net.ipv4.ip_forward = 0')
    expect(await gateway.end(signal)).toBe(0)
    expect(gateway.stderr).toBe('')
    expect(namespace.snapshot()).toBe(before)
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('by default rootless: nothing is set up, and it goes out from the address of the host', async () => {
    namespace.run('sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647')
    const gateway = new Gateway()
    await gateway.isUp()
    expect(namespace.snapshot()).toBe(before)
    expect(gateway.stdout).toContain('the Internet, from 192.0.2.1\n')
    expect(gateway.stdout).toContain('│  sockets')
    expect(await gateway.end('SIGTERM')).toBe(0)
    expect(gateway.stderr).toBe('')
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('a peer is pinned to one of the egress addresses, and to no other', async () => {
    namespace.run('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0')
    const first = new Gateway('--egress-ip', '192.0.2.1,192.0.2.2')
    await first.isUp()
    expect(first.stdout).toContain('the Internet, from 192.0.2.1 and 192.0.2.2\n')
    const add = (ip: string): string =>
      namespace.run(process.execPath, CLI, 'peer', 'add', 'laptop', '--egress-ip', ip, '--state', store.directory)
    expect(() => add('192.0.2.3')).toThrow(
      '--egress-ip: expected one of those the gateway was started with (192.0.2.1, 192.0.2.2), got 192.0.2.3',
    )
    add('192.0.2.2')
    expect(await first.end('SIGTERM')).toBe(0)
    const second = new Gateway('--egress-ip', '192.0.2.1')
    expect(await second.finished()).toBe(2)
    expect(second.stderr).toBe('millrace: peer laptop is to leave from 192.0.2.2: name it with --egress-ip too\n')
  })

  test('the first run prints the first client with a QR code; a later one neither, and keeps the keys', async () => {
    const first = new Gateway(...tun)
    await first.isUp()
    await first.end('SIGTERM')
    const state = store.require()
    expect(first.stdout).toContain(`PrivateKey = ${state.peers[0]?.privateKey}\n`)
    expect(first.stdout).toContain('Endpoint = 192.0.2.1:51820\n')
    expect(first.stdout).toContain('█')
    const second = new Gateway('--listen', '51999')
    await second.isUp()
    await second.end('SIGTERM')
    expect(second.stdout).toContain('from 192.0.2.77')
    expect(second.stdout).not.toMatch(/PrivateKey|█/)
    expect(store.require()).toEqual({ ...state, listenPort: 51_999, endpoint: '192.0.2.1:51999' })
  })

  test.each([
    ['tun', tun],
    ['kernel', kernel],
  ])('--egress %s, killed: the next start cleans up first', async (_mode, flags) => {
    const killed = new Gateway(...flags)
    await killed.isUp()
    expect(await killed.end('SIGKILL')).toBe('SIGKILL')
    expect(namespace.snapshot()).not.toBe(before)
    const next = new Gateway()
    await next.isUp()
    expect(next.stderr).toContain('cleaning up after a killed gateway')
    expect(await next.end('SIGTERM')).toBe(0)
    expect(namespace.snapshot()).toBe(before)
    expect(readdirSync(store.directory)).toEqual(['gateway.json'])
  })

  test('a second one on the same state is refused, and the first stays', async () => {
    const first = new Gateway(...kernel)
    await first.isUp()
    const during = namespace.snapshot()
    const second = new Gateway()
    expect(await second.finished()).toBe(2)
    expect(second.stderr).toMatch(/^millrace: a gateway runs with \S+ already \(process \d+\)\n$/)
    expect(namespace.snapshot()).toBe(during)
    expect(await first.end('SIGTERM')).toBe(0)
    expect(namespace.snapshot()).toBe(before)
  })

  test.each([
    [
      'an address the host holds',
      ['--egress', 'tun', '--egress-ip', '192.0.2.1'],
      /--egress-ip: 192\.0\.2\.1 is held by eth0/,
    ],
    [
      'a subnet in use',
      [...kernel, '--subnet', '192.0.2.0/25'],
      /subnet 192\.0\.2\.0\/25 overlaps 192\.0\.2\.1\/24 of eth0/,
    ],
    ['an interface in use', [...kernel, '--interface', 'eth0'], /there is an interface named eth0 already/],
    [
      'an outer interface that is not there',
      [...kernel, '--outer', 'eth9'],
      /this machine has no interface named eth9/,
    ],
  ])('%s: one line, exit code 2, and nothing changed', async (_what, flags, message) => {
    const gateway = new Gateway(...flags)
    expect(await gateway.finished()).toBe(2)
    expect(gateway.stderr).toMatch(/^millrace: [^\n]+\n$/)
    expect(gateway.stderr).toMatch(message)
    expect(namespace.snapshot()).toBe(before)
    expect(existsSync(store.directory)).toBe(false)
  })

  test("another gateway's table is refused, and stays", async () => {
    namespace.run('nft', 'create', 'table', 'ip', 'millrace')
    const during = namespace.snapshot()
    const gateway = new Gateway(...kernel)
    expect(await gateway.finished()).toBe(2)
    expect(gateway.stderr).toMatch(/^millrace: there is an nftables table named millrace already: [^\n]+\n$/)
    expect(namespace.snapshot()).toBe(during)
    expect(existsSync(store.directory)).toBe(false)
  })
})
