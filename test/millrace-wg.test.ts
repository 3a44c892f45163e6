import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, linkSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TunHandle } from '@millrace/layer-tun'
import { enterNetworkNamespace, nativeSystem } from '@millrace/native/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MILLRACE_WG, MILLRACE_WG_COMMAND, socketOf, WgDaemon } from './support/millrace-wg.ts'
import { missingForNamespaces, Namespace, needs, run } from './support/netns.ts'
import { keyPair } from './support/scenario-end.ts'

const missing = missingForNamespaces('wg', 'ss')
const WITHIN = { timeout: 10_000, interval: 20 }
const KEY = Buffer.alloc(32, 0x48).toString('base64')
const name = `mw${process.pid}a`
const other = `mw${process.pid}b`
/** The command that is installed, which is a shell's, and the program without one. */
const starters: [title: string, command: string[]][] = [
  ['the command', [MILLRACE_WG_COMMAND]],
  ['the program', ['node', MILLRACE_WG]],
]

describe.skipIf(missing.length > 0)(`millrace-wg${needs(missing)}`, () => {
  let namespace: Namespace
  let elsewhere: Namespace
  beforeEach(() => {
    namespace = new Namespace('wg')
    elsewhere = new Namespace('else')
  })
  afterEach(async () => {
    await namespace.remove()
    await elsewhere.remove()
    for (const each of [name, other]) rmSync(socketOf(each), { force: true })
  })

  const link = (where: Namespace): string => where.run('ip', 'link', 'show', name)
  const isUp = (daemon: WgDaemon): boolean => daemon.ports.length > 0

  const title = '%s is done when it is ready, and the deleted interface ends it; the same name starts again at once'
  test.each(starters)(title, async (_, starter) => {
    for (let round = 0; round < 3; round++) {
      const before = performance.now()
      const daemon = await WgDaemon.start(name, namespace, starter)
      // 0.5 s where the machine has nothing else to do.
      expect(performance.now() - before).toBeLessThan(5000)
      expect(link(namespace)).toContain('mtu 1420')
      expect(daemon.show('public-key')).toBe('(none)')
      expect(namespace.run('wg', 'show', 'interfaces').split(/\s+/)).toContain(name)
      namespace.run('ip', 'link', 'del', name)
      if (round === 2) await daemon.ended()
    }
  })

  test.each(['SIGTERM', 'SIGINT', 'removal of its socket'] as const)('%s ends it', async (reason) => {
    const daemon = await WgDaemon.start(name, namespace)
    namespace.run('ip', 'link', 'set', name, 'up')
    await expect.poll(() => isUp(daemon), WITHIN).toBe(true)
    if (reason === 'removal of its socket') rmSync(socketOf(name))
    else process.kill(daemon.pid, reason)
    await daemon.ended()
    expect(daemon.ports).toEqual([])
  })

  test('is configured while down, opens its port when up, closes it when down', async () => {
    const daemon = await WgDaemon.start(name, namespace)
    const configuration = `[Interface]\nListenPort = 50001\nFwMark = 0x77\nPrivateKey = ${KEY}\n`
    namespace.run('sh', '-c', `printf '${configuration}' | wg setconf ${name} /dev/stdin`)
    const written = namespace
      .run('wg', 'showconf', name)
      .replace(/0x[0-9a-f]+/, (mark) => `0x${Number(mark).toString(16)}`)
    expect(written.trim()).toBe(configuration.trim())
    expect(daemon.ports).toEqual([])

    for (const [state, ports] of [['up', [50001]] as const, ['down', []] as const, ['up', [50001]] as const]) {
      namespace.run('ip', 'link', 'set', name, state)
      await expect.poll(() => daemon.ports, WITHIN).toEqual(ports)
      expect(daemon.show('listen-port')).toBe('50001')
    }
    namespace.run('wg', 'set', name, 'listen-port', '50002')
    await expect.poll(() => daemon.ports, WITHIN).toEqual([50002])
  })

  test('a port chosen by the system stays the same', async () => {
    const daemon = await WgDaemon.start(name, namespace)
    namespace.run('ip', 'link', 'set', name, 'up')
    await expect.poll(() => isUp(daemon), WITHIN).toBe(true)
    const { ports } = daemon
    expect(daemon.show('listen-port')).toBe(String(ports[0]))
    namespace.run('ip', 'link', 'set', name, 'down')
    await expect.poll(() => isUp(daemon), WITHIN).toBe(false)
    namespace.run('ip', 'link', 'set', name, 'up')
    await expect.poll(() => daemon.ports, WITHIN).toEqual(ports)
  })

  test('a port in use is refused by name while up, and another one opens what could not be opened', async () => {
    const first = await WgDaemon.start(name, namespace)
    await WgDaemon.start(other, namespace)
    namespace.run('wg', 'set', name, 'listen-port', '50001')
    namespace.run('wg', 'set', other, 'listen-port', '50001')
    namespace.run('ip', 'link', 'set', name, 'up')
    await expect.poll(() => first.ports, WITHIN).toEqual([50001])
    namespace.run('ip', 'link', 'set', other, 'up')
    const refused = async (): Promise<unknown> =>
      namespace.exec('wg', 'set', other, 'listen-port', '50001').catch((error: Error) => error.message)
    await expect.poll(refused, WITHIN).toContain('Address already in use')
    expect(first.ports).toEqual([50001])
    namespace.run('wg', 'set', other, 'listen-port', '50002')
    await expect.poll(() => first.ports, WITHIN).toEqual([50001, 50002])
  })

  test('down it is silent, and up again its keepalive brings a session at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
    const keys = { [name]: keyPair(), [other]: keyPair() } as Record<string, ReturnType<typeof keyPair>>
    const ports: Record<string, string> = { [name]: '50001', [other]: '50002' }
    for (const [each, peer] of [[name, other] as const, [other, name] as const]) {
      await WgDaemon.start(each, namespace)
      const file = join(folder, each)
      writeFileSync(file, keys[each]?.privateKey ?? '', { mode: 0o600 })
      const endpoint = ['endpoint', `127.0.0.1:${ports[peer]}`, 'persistent-keepalive', each === name ? '1000' : '0']
      const settings = ['listen-port', ports[each] ?? '', 'private-key', file]
      namespace.run('wg', 'set', each, ...settings, 'peer', keys[peer]?.publicKey ?? '', ...endpoint)
    }
    rmSync(folder, { recursive: true })
    const received = (): number => Number(namespace.run('wg', 'show', other, 'transfer').split('\t')[1])
    // An initiation, and the keepalive that follows the response.
    const session = 148 + 32
    const sockets = (): string => namespace.run('ss', '-Hlun')
    namespace.run('ip', 'link', 'set', other, 'up')
    await expect.poll(sockets, WITHIN).toContain(':50002 ')
    namespace.run('ip', 'link', 'set', name, 'up')
    await expect.poll(received, WITHIN).toBe(session)

    namespace.run('ip', 'link', 'set', name, 'down')
    await expect.poll(sockets, WITHIN).not.toContain(':50001 ')
    namespace.run('ip', 'link', 'set', name, 'up')
    await expect.poll(received, WITHIN).toBe(2 * session)
  })

  test('an interface in another namespace goes on, its sockets where they were, and ends it when it is deleted', async () => {
    const daemon = await WgDaemon.start(name, namespace)
    namespace.run('ip', 'link', 'set', name, 'netns', elsewhere.name)
    for (const [state, up] of [['up', true] as const, ['down', false] as const, ['up', true] as const]) {
      elsewhere.run('ip', 'link', 'set', name, state)
      await expect.poll(() => isUp(daemon), WITHIN).toBe(up)
      expect(elsewhere.run('ss', '-Hlun')).toBe('')
    }
    elsewhere.run('ip', 'link', 'set', name, 'mtu', '34736')
    elsewhere.run('ip', 'link', 'del', name)
    await daemon.ended()
  })

  test('in the foreground it stays, and says as much as LOG_LEVEL asks for', async () => {
    for (const [flag, level] of [['-f', 'verbose'] as const, ['--foreground', 'silent'] as const]) {
      const program = namespace.start('env', `LOG_LEVEL=${level}`, 'node', MILLRACE_WG, flag, name)
      await expect.poll(() => existsSync(socketOf(name)), WITHIN).toBe(true)
      namespace.run('ip', 'link', 'set', name, 'up', 'mtu', '1300')
      await expect.poll(() => namespace.run('ss', '-Hlun'), WITHIN).not.toBe('')
      if (level === 'verbose') await expect.poll(() => program.stderr, WITHIN).toContain('interface up')
      expect(program.stderr).toMatch(level === 'silent' ? /^$/ : new RegExp(`^DEBUG: \\(${name}\\) MTU {"mtu":1420}\n`))
      // The pid is that of `ip netns exec`, which has become the program.
      expect(await program.stop('SIGTERM')).toBe(0)
      expect(existsSync(socketOf(name))).toBe(false)
    }
  })

  test.each(starters)('%s says in one line what keeps it from starting, exit code 1', async (_, starter) => {
    const daemon = await WgDaemon.start(name, namespace)
    const failure = (variables: readonly string[], ...words: readonly string[]): string => {
      const args = ['netns', 'exec', namespace.name, 'env', ...variables, ...starter, ...words]
      const { status, stdout, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
      expect([status, stdout]).toEqual([1, ''])
      return stderr
    }
    const exists = `millrace-wg: tun: there is an interface named ${name} already; `
    expect(failure([], name)).toMatch(new RegExp(`^${exists}.*\n$`))
    // The name is free where it is now, but its daemon lives.
    namespace.run('ip', 'link', 'set', name, 'netns', elsewhere.name)
    expect(failure([], name)).toMatch(/^millrace-wg: unix socket in use: .*\n$/)
    expect(namespace.run('ip', '-br', 'link')).not.toContain(name)
    expect(daemon.show('listen-port')).toBe('0')

    const usage = 'millrace-wg: usage: millrace-wg [-f|--foreground] INTERFACE\n'
    for (const words of [[], ['-f'], [name, other], ['--help']]) expect(failure([], ...words)).toBe(usage)
    for (const heard of [[], ['LOG_LEVEL=error']]) {
      const notOpen =
        /^millrace-wg: (tun fd: descriptor 99 is no TUN device|WG_TUN_FD and WG_UAPI_FD: expected open) .*\n$/
      expect(failure(['WG_TUN_FD=99', ...heard], other)).toMatch(notOpen)
      expect(failure(['MILLRACE_THREADS=all', ...heard], other)).toMatch(
        /^millrace-wg: MILLRACE_THREADS: expected .*\n$/,
      )
    }
    const noTun = 'millrace-wg: tun fd: descriptor 0 is no TUN device (ENOTTY)\n'
    expect(failure(['WG_TUN_FD=0'], '-f', other)).toBe(noTun)
  })

  const ways: [title: string, command: string[]][] = [
    ...starters,
    ...starters.map(([title, starter]): [string, string[]] => [`${title} in the foreground`, [...starter, '-f']]),
  ]
  test.each(ways)('%s takes TUN and socket as open descriptors', async (_, [program = '', ...words]) => {
    const inside = enterNetworkNamespace()
    const handle = TunHandle.create(nativeSystem(), name)
    const bound = `${socketOf(name)}.bound`
    const listener = createServer()
    try {
      await once(listener.listen(bound), 'listening')
      linkSync(bound, socketOf(name))
      const { fd } = (listener as unknown as { readonly _handle: { readonly fd: number } })._handle
      // 5 and 6, to see whether it goes by the numbers it is told.
      const env = { ...process.env, WG_TUN_FD: '5', WG_UAPI_FD: '6' }
      const stdio = ['ignore', 'inherit', 'inherit', 'ignore', 'ignore', handle.fd, fd] as const
      const isForeground = words.includes('-f')
      const child = spawn(program, [...words, 'ignored'], { env, stdio: [...stdio] })
      const exit = once(child, 'exit')
      listener.close()
      handle.close()
      if (!isForeground) expect((await exit)[0]).toBe(0)
      expect(run('wg', 'show', name, 'listen-port')).toBe('0\n')
      expect(run('ip', '-br', 'link')).toContain(name)
      rmSync(socketOf(name))
      if (isForeground) expect((await exit)[0]).toBe(0)
      await expect.poll(() => run('ip', '-br', 'link'), WITHIN).not.toContain(name)
    } finally {
      listener.close()
      inside.leave()
    }
  })
})
